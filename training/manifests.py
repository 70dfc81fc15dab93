"""A version's manifest: a line of JSON for each photo, in the order of their ids. Its hash identifies the version."""

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

Row = tuple[Any, Any, str, str]  # photo, participant, smiley, split


@dataclass(frozen=True)
class Manifest:
    """Written to a file of its own, and not yet in the storage."""

    file: IO[bytes]
    sha256: str
    photos: int
    people: int
    counts: dict[str, dict[str, int]]  # by smiley and split

    def store(self, number: int, revision: int) -> str:
        """Put it into the storage; returns its name, which nobody else has: nothing is ever overwritten."""
        name = f"datasets/{number}/manifest.r{revision}.{secrets.token_hex(6)}.jsonl"
        return str(default_storage.save(name, File(self.file)))


@contextmanager
def manifest_written(items: "QuerySet[DatasetItem]") -> Iterator[Manifest]:
    """Write down items, page by page; the file is there for as long as the context is."""
    people, digest = set(), hashlib.sha256()
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = items.values_list("photo_id", "photo__participant_id", "smiley__slug", "split")
    with spool() as file:
        for page in pages(rows, "photo_id"):
            for row in page:
                line = manifest_line(row)
                digest.update(line)
                file.write(line)
                _, participant, smiley, split = row
                people.add(participant)
                counts[smiley][split] += 1
        file.seek(0)
        yield Manifest(
            file,
            digest.hexdigest(),
            photos=sum(splits.total() for splits in counts.values()),
            people=len(people),
            counts={
                smiley: {split: counts[smiley][split] for split in Split.values} for smiley in sorted(counts)
            },
        )


def manifest_sha256(rows: Iterable[Row]) -> str:
    """The hash of the manifest that these rows would give."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(manifest_line(row))
    return digest.hexdigest()


def manifest_line(row: Row) -> bytes:
    photo, participant, smiley, split = row
    facts = {"photo": str(photo), "participant": str(participant), "smiley": smiley, "split": split}
    return f"{json.dumps(facts)}\n".encode()
