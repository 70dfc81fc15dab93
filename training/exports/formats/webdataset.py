"""WebDataset: `SPLIT-000000.tar`, … of a thousand photos each, with `ID.jpg`, `ID.json` and `ID.cls` of each photo.
Its readers take a class as a number: its place in `classes.txt`."""

import json

from collector.models import Smiley
from operations.stores.ahead import ReadAhead

from ..archive import END, Archive, size_of_member
from ..columns import Record
from ..samples import Sample
from . import SPLITS

SHARD = 1000


class WebDataset:
    """Splits come one after the other."""

    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._classes = list(Smiley.objects.order_by("slug").values_list("slug", flat=True))
        archive.add("classes.txt", "".join(f"{name}\n" for name in self._classes).encode())
        self._archive, self._files = archive, files
        self._shards = _Shards(archive, files, SPLITS[0])

    def wants(self, sample: Sample) -> list[str]:
        return [sample.file]

    def add(self, sample: Sample, values: Record) -> None:
        label = str(self._classes.index(sample.smiley)).encode()
        if sample.split != self._shards.split:
            self._shards.end()
            self._shards = _Shards(self._archive, self._files, sample.split)
        self._shards.add(sample, json.dumps(values).encode(), label)

    def close(self) -> None:
        self._shards.end()


class _Shards:
    """One shard after the other of a split: written once all is known of it but its pictures."""

    def __init__(self, archive: Archive, files: ReadAhead, split: str) -> None:
        self._archive, self._files, self.split = archive, files, split
        self._held: list[tuple[Sample, bytes, bytes]] = []
        self._number = 0

    def add(self, sample: Sample, about: bytes, label: bytes) -> None:
        self._held.append((sample, about, label))
        if len(self._held) == SHARD:
            self.end()

    def end(self) -> None:
        if not self._held:
            return
        sizes = ((sample.size, len(about), len(label)) for sample, about, label in self._held)
        whole = END + sum(size_of_member(size) for three in sizes for size in three)
        with self._archive.nested(f"{self.split}-{self._number:06}.tar", whole) as shard:
            for sample, about, label in self._held:
                shard.add(f"{sample.id}.jpg", self._files.take(sample.file))
                shard.add(f"{sample.id}.json", about)
                shard.add(f"{sample.id}.cls", label)
        self._held.clear()
        self._number += 1
