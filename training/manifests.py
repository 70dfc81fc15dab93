"""A version's manifest: a line of JSON for each photo, in the order of their ids, and the same as Parquet.

The hash of the JSON lines identifies the version. Parquet's bytes depend on the release of pyarrow that wrote them, so
that its file only carries that hash.
"""

import hashlib
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from operations.stores.spool import spool

from .models import DatasetItem, Split
from .pages import pages

Row = tuple[Any, Any, str, str]
_COLUMNS = ("photo", "participant", "smiley", "split")


@dataclass(frozen=True)
class Manifest:
    """Written to a file of its own, and not yet in the storage."""

    file: IO[bytes]
    parquet: IO[bytes]
    sha256: str
    photos: int
    people: int
    counts: dict[str, dict[str, int]]  # by smiley and split

    def store(self, number: int, revision: int) -> str:
        """Put it into the storage; returns its name, which nobody else has: nothing is ever overwritten."""
        name = f"datasets/{number}/manifest.r{revision}.{secrets.token_hex(6)}.jsonl"
        default_storage.save(parquet_of(name), File(self.parquet))
        return str(default_storage.save(name, File(self.file)))


def parquet_of(name: str) -> str:
    """The name of the same as Parquet. What was frozen by a release that wrote none has no such file."""
    return f"{name.removesuffix('.jsonl')}.parquet"


def files_of(name: str) -> tuple[str, str]:
    """The files of a manifest."""
    return name, parquet_of(name)


@contextmanager
def manifest_written(items: "QuerySet[DatasetItem]") -> Iterator[Manifest]:
    """Write down items, page by page; the file is there for as long as the context is."""
    people, digest = set(), hashlib.sha256()
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = items.values_list("photo_id", "photo__participant_id", "smiley__slug", "split")
    with spool() as file, spool() as beside:
        parquet = _Parquet(beside)
        for page in pages(rows, "photo_id"):
            parquet.add(page)
            for row in page:
                line = manifest_line(row)
                digest.update(line)
                file.write(line)
                _, participant, smiley, split = row
                people.add(participant)
                counts[smiley][split] += 1
        parquet.close(sha256=digest.hexdigest())
        for written in (file, beside):
            written.seek(0)
        yield Manifest(
            file,
            beside,
            digest.hexdigest(),
            photos=sum(splits.total() for splits in counts.values()),
            people=len(people),
            counts={
                smiley: {split: counts[smiley][split] for split in Split.values} for smiley in sorted(counts)
            },
        )


class _Parquet:
    """The columns of the JSON lines as texts, a row group for each page."""

    def __init__(self, file: IO[bytes]) -> None:
        # Here, for it is large and only the workers that freeze need it.
        import pyarrow
        import pyarrow.parquet

        self._table = pyarrow.Table
        self._schema = pyarrow.schema([(name, pyarrow.string()) for name in _COLUMNS])
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)

    def add(self, page: list[Row]) -> None:
        columns = [[str(value) for value in column] for column in zip(*page, strict=True)]
        self._writer.write_table(
            self._table.from_pydict(dict(zip(_COLUMNS, columns, strict=True)), self._schema)
        )

    def close(self, *, sha256: str) -> None:
        self._writer.add_key_value_metadata({"sha256": sha256})
        self._writer.close()


def manifest_sha256(rows: Iterable[Row]) -> str:
    """The hash of the manifest that these rows would give."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(manifest_line(row))
    return digest.hexdigest()


def manifest_line(row: Row) -> bytes:
    photo, participant, smiley, split = row
    facts = dict(zip(_COLUMNS, (str(photo), str(participant), smiley, split), strict=True))
    return f"{json.dumps(facts)}\n".encode()
