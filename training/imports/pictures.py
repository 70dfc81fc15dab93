"""Where the picture of each photo lies in an export, whatever its format, in memory that does not grow with them."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import astuple
from functools import lru_cache
from typing import Any

from django.conf import settings

from operations.problems import Problem

from .parts import Part, parts_of_shard


class Pictures:
    """Ids of photos and places of their pictures, in a nameless file of SQLite."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute(
            "CREATE TABLE pictures (id PRIMARY KEY, name, place, used DEFAULT 0) WITHOUT ROWID"
        )
        self._file.execute("BEGIN")

    def look(self, part: Part) -> None:
        """Note the pictures that a file of the export is or has. Raises Problem."""
        if part.base.endswith(".jpg"):
            self._note(part)
        elif part.base.endswith(".tar"):
            for inner in parts_of_shard(part):
                if inner.base.endswith(".jpg"):
                    self._note(inner)
        elif part.base.endswith(".parquet"):
            for name, place in _in_parquet(part):
                self._add(name, f"{part.name}: {name}", place)

    def _note(self, part: Part) -> None:
        if part.size > settings.PHOTO_MAX_BYTES:
            raise Problem(
                "export_picture", f"{part.name} has {part.size:,} bytes: no photo of an export is so large."
            )
        self._add(part.base.removesuffix(".jpg"), part.name, [*astuple(part)])

    def _add(self, photo: str, name: str, place: list[Any]) -> None:
        try:
            known = (str(uuid.UUID(photo)), name, json.dumps(place))
        except ValueError:
            return  # nothing of ours
        try:
            self._file.execute("INSERT INTO pictures (id, name, place) VALUES (?, ?, ?)", known)
        except sqlite3.IntegrityError:
            raise Problem("export_picture", f"{name}: there are two pictures of this photo.") from None

    def place_of(self, photo: str) -> str | None:
        """Where the picture of a photo is, as `picture_at` takes it; None when there is none."""
        found = self._file.execute("SELECT place FROM pictures WHERE id = ?", (photo,)).fetchone()
        self._file.execute("UPDATE pictures SET used = 1 WHERE id = ?", (photo,))
        return str(found[0]) if found else None

    def unused(self) -> str | None:
        """The name of a picture that nobody has asked for."""
        found = self._file.execute("SELECT name FROM pictures WHERE used = 0 LIMIT 1").fetchone()
        return str(found[0]) if found else None


def picture_at(place: str) -> bytes:
    """The picture's bytes."""
    name, path, offset, size, *row = json.loads(place)
    part = Part(name, path, offset, size)
    if not row:
        return part.read()
    group, index = row
    return bytes(_row_group(part, group)[index])


@lru_cache(maxsize=3)  # one of each split's file: they are read in the same order
def _row_group(part: Part, group: int) -> list[bytes]:
    import pyarrow.parquet as pq

    with part.open() as file, pq.ParquetFile(file) as parquet:
        return [row["bytes"] for row in parquet.read_row_group(group, columns=["image"])["image"].to_pylist()]


def _in_parquet(part: Part) -> Iterator[tuple[str, list[Any]]]:
    """Ids, and the places of the pictures. Raises Problem for what is no file of an export."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with part.open() as file, pq.ParquetFile(file) as parquet:
            most = 64 * settings.PHOTO_MAX_BYTES
            for group in range(parquet.num_row_groups):
                about = parquet.metadata.row_group(group)
                if about.num_rows > 10_000 or about.total_byte_size > most:
                    raise Problem(
                        "export_picture", f"{part.name}: row group {group} is too large to be read."
                    )
                for index, photo in enumerate(
                    parquet.read_row_group(group, columns=["id"])["id"].to_pylist()
                ):
                    yield str(photo), [*astuple(part), group, index]
    except (pa.ArrowException, KeyError, OSError) as error:
        raise Problem("export_unreadable", f"{part.name} is no Parquet file of an export: {error}") from error
