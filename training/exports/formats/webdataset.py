"""WebDataset: `SPLIT-000000.tar`, … of a thousand photos each, with `ID.jpg`, `ID.json` and `ID.cls` of each photo.
Its readers take a class as a number: its place in `classes.txt`."""

import json
from typing import IO, Any

from collector.models import Smiley

from ..archive import Archive
from ..samples import Sample
from . import SPLITS

SHARD = 1000


class WebDataset:
    def __init__(self, archive: Archive) -> None:
        self._classes = list(Smiley.objects.order_by("slug").values_list("slug", flat=True))
        archive.add("classes.txt", "".join(f"{name}\n" for name in self._classes).encode())
        self._shards = {split: _Shards(archive, split) for split in SPLITS}

    def add(self, sample: Sample, values: dict[str, Any]) -> None:
        self._shards[sample.split].add(
            {
                f"{sample.id}.jpg": sample.picture(),
                f"{sample.id}.json": json.dumps(values).encode(),
                f"{sample.id}.cls": str(self._classes.index(sample.smiley)).encode(),
            }
        )

    def close(self) -> None:
        for shards in self._shards.values():
            shards.end()


class _Shards:
    """One shard after the other of a split; each is added to the archive once it is full."""

    def __init__(self, archive: Archive, split: str) -> None:
        self._archive, self._split = archive, split
        self._file: IO[bytes] | None = None
        self._number = self._held = 0

    def add(self, members: dict[str, bytes]) -> None:
        if self._file is None:
            self._file = self._archive.spool()
        shard = Archive(self._file)
        for name, data in members.items():
            shard.add(name, data)
        self._held += 1
        if self._held == SHARD:
            self.end()

    def end(self) -> None:
        if self._file is None:
            return
        Archive(self._file).close()
        self._archive.append(f"{self._split}-{self._number:06}.tar", self._file)
        self._file, self._held = None, 0
        self._number += 1
