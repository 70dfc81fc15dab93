"""Shards: the files that a packed data set consists of. Each is one `.npy` of records, so that NumPy maps it as it is:

id, person, label, split   text
points                     keypoints: float32 [15, 2]
image                      uint8 [S, S, C]
masked, alpha              unmask: uint8 like image, and [S, S]
sha256                     of the record's pictures, one after the other
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ml.data.packed import KEYPOINTS, UNMASK, DataError, check_images, pictures_digest
from ml.landmarks import KEYPOINT_NAMES

Picture = NDArray[np.uint8]
_TEXTS = ("id", "person", "label", "split")


def picture_names(task: str) -> tuple[str, ...]:
    """The fields of a record that are pictures."""
    return ("image", "masked", "alpha") if task == UNMASK else ("image",)


@dataclass(frozen=True)
class Rows:
    """Everything of a shard's records but their pictures, equally many of each; ``points`` float32 [N, 15, 2]."""

    ids: Sequence[str]
    persons: Sequence[str]
    splits: Sequence[str]
    labels: Sequence[str]
    points: NDArray[np.float32] | None = None


def write_shard(file: IO[bytes], *, task: str, rows: Rows, pictures: Iterable[tuple[Picture, ...]]) -> None:
    """Write a shard to an open file. Memory holds one record.

    Args:
        file: written from where it stands.
        task: "smiley", "keypoints" or "unmask".
        rows: at least one.
        pictures: for each row what ``picture_names`` names, in that order.

    Raises:
        DataError: fewer or more pictures than rows, or one of another shape.
    """
    count, names, written = len(rows.ids), picture_names(task), 0
    record: NDArray[Any] | None = None
    for given in pictures:
        if record is None:
            record = np.zeros(1, _record_type(rows, task, given, count))
            header = {
                "descr": np.lib.format.dtype_to_descr(record.dtype),
                "fortran_order": False,
                "shape": (count,),
            }
            np.lib.format.write_array_header_1_0(file, header)
        shapes = [record.dtype[name].shape for name in names]
        fits = [one.shape for one in given] == shapes and all(one.dtype == np.uint8 for one in given)
        if written == count or not fits:
            raise DataError(
                f"Picture {written} does not fit: {count} uint8 {list(shapes[0])} were announced."
            )
        _fill(record, rows, written, dict(zip(names, given, strict=True)))
        file.write(record.tobytes())
        written += 1
    if record is None or written != count:
        raise DataError(f"There are {written} pictures for {count} labels.")


def _record_type(rows: Rows, task: str, given: tuple[Picture, ...], count: int) -> np.dtype[Any]:
    shape = given[0].shape
    check_images((count, *shape), given[0].dtype, count)
    columns = (rows.ids, rows.persons, rows.labels, rows.splits)
    texts = [(name, f"U{max(1, *map(len, column))}") for name, column in zip(_TEXTS, columns, strict=True)]
    points = [("points", np.float32, (len(KEYPOINT_NAMES), 2))] if task == KEYPOINTS else []
    shapes = (shape, shape, shape[:2])
    fields = [(name, np.uint8, side) for name, side in zip(picture_names(task), shapes, strict=False)]
    return np.dtype([*texts, *points, *fields, ("sha256", np.uint8, 32)])


def _fill(record: NDArray[Any], rows: Rows, place: int, pictures: dict[str, Picture]) -> None:
    for name, column in zip(_TEXTS, (rows.ids, rows.persons, rows.labels, rows.splits), strict=True):
        record[name] = column[place]
    if rows.points is not None and "points" in record.dtype.fields:  # type: ignore[operator]
        record["points"] = rows.points[place]
    for name, picture in pictures.items():
        record[name] = picture
    record["sha256"] = np.frombuffer(pictures_digest(pictures.values()), np.uint8)


def open_shard(path: str | os.PathLike[str]) -> NDArray[Any]:
    """A shard's records, mapped from disk. Raises DataError with its name when it is cut off or is none."""
    try:
        records: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"The shard {path} is damaged ({error}): pack the data set again.") from error
    if not {*_TEXTS, "image", "sha256"} <= set(records.dtype.names or ()):
        raise DataError(f"{path} is no shard of a packed data set: pack the data set again.")
    return records


class ShardedPictures:
    """The pictures of several shards as one array [N, S, S, C], of which only what is asked for is read."""

    dtype = np.dtype(np.uint8)

    def __init__(self, parts: Sequence[Picture]) -> None:
        self._parts = list(parts)
        self._starts = np.cumsum([0, *map(len, parts)])
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Picture]:
        for part in self._parts:
            yield from part

    def __getitem__(self, chosen: Any) -> Picture:
        """One picture by its number; a copy of several by a slice, by numbers or by a mask [N]."""
        if isinstance(chosen, slice):
            chosen = np.arange(len(self))[chosen]
        numbers = np.asarray(chosen)
        if numbers.dtype == np.bool_:
            numbers = np.flatnonzero(numbers)
        wanted = np.where(numbers < 0, numbers + len(self), numbers)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"There are {len(self)} pictures.")
        homes = np.searchsorted(self._starts, wanted, side="right") - 1
        if wanted.ndim == 0:
            one: Picture = self._parts[int(homes)][int(wanted - self._starts[homes])]
            return one
        out = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for place, (home, number) in enumerate(zip(homes.tolist(), wanted.tolist(), strict=True)):
            out[place] = self._parts[home][number - self._starts[home]]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Picture:
        whole: Picture = np.asarray(np.concatenate(self._parts), dtype)
        return whole
