"""The samples of an export: labels and keypoints from its `samples.csv`, pictures from where they lie.

Image folder, COCO and WebDataset, as the tar file that was downloaded or unpacked; of the other formats everything but
the pictures.
"""

from __future__ import annotations

import csv
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .errors import NotAnExport
from .tombstones import Tombstones

_TABLE, _LICENCE = "samples.csv", "LICENCE.txt"


@dataclass(frozen=True)
class Place:
    """Bytes in a file."""

    path: Path
    offset: int
    size: int
    whole: bool = False

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class Sample:
    """One photo.

    `id` and `participant` are opaque and the same in all exports. `split`: train, validation or test, by participant.
    `box`: x, y, width, height of the face, `keypoints`: (x, y) of each of the 15 points, both in pixels of the picture;
    without a face None and {}. `visible`: which points can be seen. `placed_by`: human, model, mesh or none.
    `columns`: all that `samples.csv` says, as text.
    """

    id: str
    participant: str
    smiley: str
    split: str
    width: int
    height: int
    box: tuple[float, float, float, float] | None
    keypoints: dict[str, tuple[float, float]]
    visible: dict[str, bool]
    placed_by: str
    columns: dict[str, str] = field(repr=False)
    place: Place | None = field(repr=False, default=None)

    def image(self) -> bytes:
        """The picture's JPEG. Raises NotAnExport for a format that has no pictures as files."""
        if self.place is None:
            raise NotAnExport(
                f"There is no picture of {self.id} here: download imagefolder, coco or webdataset for pictures."
            )
        return self.place.read()

    @property
    def path(self) -> Path | None:
        """The picture's file, in an export that was unpacked and has one for each."""
        return self.place.path if self.place is not None and self.place.whole else None


def samples(
    path: str | os.PathLike[str], tombstones: Tombstones, *, split: str = "", allow_old: bool = False
) -> Iterator[Sample]:
    """The samples of an export without what was withdrawn, in the order of its table.

    `path`: its tar file, or the folder that it was unpacked to. `split`: that one alone. `allow_old`: go on with a list
    of tombstones that is older than 30 days. Raises TombstonesTooOld, NotAnExport.
    """
    if not allow_old:
        tombstones.require_fresh()
    where = Path(path)
    if not where.exists():
        raise NotAnExport(f"There is no {where}: download an export first.")
    places = dict(_places(where))
    table = places.get(_TABLE)
    if table is None:
        raise NotAnExport(
            f"There is no {_TABLE} in {where}: give an export's tar file, or its unpacked folder."
        )
    licence = places.get(_LICENCE)
    gone = tombstones.gone(internal=licence is not None and licence.read().startswith(b"Internal:"))
    return _rows(table, places, gone, split)


def _rows(table: Place, places: dict[str, Place], gone: frozenset[str], split: str) -> Iterator[Sample]:
    with table.path.open("rb") as file:
        text = io.TextIOWrapper(_window(file, table.offset, table.size), encoding="utf-8", newline="")
        for row in csv.DictReader(text):
            if row["id"] not in gone and split in ("", row["split"]):
                yield _sample(row, places.get(f"{row['id']}.jpg"))


def _sample(row: dict[str, str], place: Place | None) -> Sample:
    names = [column[: -len("_visible")] for column in row if column.endswith("_visible")]
    placed = [name for name in names if row[f"{name}_x"]]
    face = (
        tuple(float(row[f"face_{name}"]) for name in ("x", "y", "width", "height")) if row["face_x"] else None
    )
    return Sample(
        id=row["id"],
        participant=row["participant"],
        smiley=row["smiley"],
        split=row["split"],
        width=int(row["width"]),
        height=int(row["height"]),
        box=face,  # type: ignore[arg-type]
        keypoints={name: (float(row[f"{name}_x"]), float(row[f"{name}_y"])) for name in placed},
        visible={name: row[f"{name}_visible"] == "1" for name in placed},
        placed_by=row["keypoints"],
        columns=row,
        place=place,
    )


def _places(where: Path) -> Iterator[tuple[str, Place]]:
    """The table, the licence and the pictures, by their names without folders."""
    if where.is_file():
        with where.open("rb") as file:
            yield from _members(where, file, 0)
        return
    for folder, _, names in os.walk(where):
        for name in names:
            path = Path(folder, name)
            if name.endswith(".tar"):
                with path.open("rb") as file:
                    yield from _members(path, file, 0)
            elif name in (_TABLE, _LICENCE) or name.endswith(".jpg"):
                yield name, Place(path, 0, path.stat().st_size, whole=True)


def _members(path: Path, file: IO[bytes], begin: int) -> Iterator[tuple[str, Place]]:
    """What a tar file holds, and the tar files in it; `begin` is where it does in `path`."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else it would keep them all
                name, offset = os.path.basename(member.name), begin + member.offset_data
                if name.endswith(".tar"):
                    with path.open("rb") as inner:
                        yield from _members(path, _window(inner, offset, member.size), offset)
                elif name in (_TABLE, _LICENCE) or name.endswith(".jpg"):
                    yield name, Place(path, offset, member.size)
    except tarfile.TarError as error:
        raise NotAnExport(f"{path} is no tar file ({error}): download the export again.") from error


def _window(file: IO[bytes], offset: int, size: int) -> io.BufferedReader:
    return io.BufferedReader(_Window(file, offset, size))


class _Window(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._offset + self._at)
        data = self._file.read(max(min(len(buffer), self._size - self._at), 0))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
