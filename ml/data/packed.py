"""A data set in memory: pictures, the people in them, and what is to be learnt of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.splits import SPLITS
from ml.landmarks import KEYPOINT_NAMES

SMILEY, KEYPOINTS, UNMASK = TASKS = ("smiley", "keypoints", "unmask")

_ROWS = 1000  # at once
_BY_PICTURE = {"split_by": "picture"}
Texts = NDArray[np.str_]
Pictures = NDArray[np.uint8]


class DataError(ValueError):
    """The data set cannot be used; the sentence says what is wrong and what would help."""


@dataclass(frozen=True)
class PackedData:
    """A data set, its pictures in memory or mapped from disk.

    Attributes:
        images: uint8 [N, S, S, C], C 1 (grey) or 3 (RGB); for unmask the bare faces. From disk a
            ``ml.data.shards.ShardedPictures``, which is indexed like an array.
        labels: int32 [N], index into ``classes``; −1 throughout where there are none.
        persons: [N] opaque names.
        splits: [N] "train", "validation" or "test".
        ids: [N] opaque, unique.
        classes: the labels' names; empty where there are none.
        data_hash: SHA-256 over everything but ``about``.
        about: whatever the writer wanted to be kept with it; ``split_by`` is "picture" where people are not kept apart.
        task: "smiley", "keypoints" or "unmask".
        points: keypoints only: float32 [N, 15, 2], pixels of ``images``, NaN where a point is missing.
        masked: unmask only: uint8 like ``images``, the same faces with a mask on.
        alpha: unmask only: uint8 [N, S, S], how far each pixel was changed by the mask.
    """

    images: Pictures
    labels: NDArray[np.int32]
    persons: Texts
    splits: Texts
    ids: Texts
    classes: tuple[str, ...]
    data_hash: str
    about: Mapping[str, Any] = field(default_factory=dict)
    task: str = SMILEY
    points: NDArray[np.float32] | None = None
    masked: Pictures | None = None
    alpha: Pictures | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """The side of the pictures in pixels."""
        return int(self.images.shape[1])

    def indices(self, split: str) -> NDArray[np.intp]:
        """Which pictures are in a split, ascending."""
        if split not in SPLITS:
            raise DataError(f"There is no split called {split!r}: use {', '.join(SPLITS)}.")
        return np.flatnonzero(self.splits == split)


def pack(
    *,
    images: Pictures,
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    labels: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    about: Mapping[str, Any] | None = None,
    task: str = SMILEY,
    points: NDArray[np.floating[Any]] | None = None,
    masked: Pictures | None = None,
    alpha: Pictures | None = None,
) -> PackedData:
    """A data set in memory, checked. Arguments as for ``ml.data.manifest.write_packed``."""
    columns = check_columns(labels, persons, splits, ids, classes, task=task, points=points)
    check_images(images.shape, images.dtype, len(columns.ids))
    check_masks(
        task, images.shape, None if masked is None else masked.shape, None if alpha is None else alpha.shape
    )
    digest = columns.digest()
    given = [pictures for pictures in (images, masked, alpha) if pictures is not None]
    for record in zip(*given, strict=True):
        digest.update(pictures_digest(record))
    return PackedData(
        images, columns.labels, columns.persons, columns.splits, columns.ids, columns.classes,
        digest.hexdigest(), dict(about or {}), task, columns.points, masked, alpha,
    )  # fmt: skip


def pictures_digest(pictures: Iterable[Pictures]) -> bytes:
    """SHA-256 of the pictures of one record."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()


def divided_by_picture(data: PackedData, *, seed: int = 0) -> PackedData:
    """The same pictures in the same shares, but without regard to people: what shows how much that leaks.

    Every picture is named as if it were of somebody else.
    """
    order = np.random.default_rng(seed).permutation(len(data))
    return pack(
        task=data.task, images=np.asarray(data.images), persons=[f"picture-{i}" for i in range(len(data))],
        splits=data.splits[order].tolist(), ids=data.ids.tolist(),
        labels=[data.classes[i] for i in data.labels] if data.classes else None, classes=data.classes or None,
        points=data.points, masked=data.masked, alpha=data.alpha, about={**data.about, **_BY_PICTURE},
    )  # fmt: skip


def without_people(data: PackedData, notice: Callable[[str], None]) -> PackedData:
    """The same data, of which nobody knows who is in which picture; the notice says so."""
    notice("No person column: each picture counts as somebody else's.")
    return replace(data, about={**data.about, **_BY_PICTURE})


@dataclass(frozen=True)
class Columns:
    """Everything of a data set but its pictures, checked."""

    task: str
    labels: NDArray[np.int32]
    persons: Texts
    splits: Texts
    ids: Texts
    classes: tuple[str, ...]
    points: NDArray[np.float32] | None

    def digest(self) -> hashlib._Hash:
        """SHA-256 over everything but the pictures, to be fed ``pictures_digest`` of each record in order."""
        first = list(self.classes) if self.task == SMILEY else [self.task, list(self.classes)]
        digest = hashlib.sha256(f"[{_json(first)}".encode())
        columns = (self.ids, self.persons, self.labels, self.splits)
        # In pieces: as text a hundred thousand rows take more memory than all the rest.
        for start in range(0, len(self.ids), _ROWS):
            rows = zip(*(column[start : start + _ROWS].tolist() for column in columns), strict=True)
            digest.update("".join(f", {_json(row)}" for row in rows).encode())
        digest.update(b"]")
        if self.points is not None:
            digest.update(self.points.tobytes())
        return digest


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_columns(
    labels: Sequence[str] | None,
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    classes: Sequence[str] | None,
    *,
    task: str,
    points: NDArray[np.floating[Any]] | None,
) -> Columns:
    """The columns as arrays. Raises DataError where they do not fit together."""
    if task not in TASKS:
        raise DataError(f"There is no task called {task!r}: use {', '.join(TASKS)}.")
    count = len(ids)
    if count == 0:
        raise DataError("The data set is empty: accept some photos first.")
    if labels is None and task == SMILEY:
        raise DataError("Smileys are learnt from labels: give one for each picture.")
    names = tuple(classes) if classes is not None else tuple(sorted(set(labels or ())))
    if not len(labels if labels is not None else ids) == len(persons) == len(splits) == count:
        raise DataError("Labels, persons, splits and ids have to be equally many.")
    if len(set(ids)) != count:
        raise DataError("Two pictures have the same id: ids have to be unique.")
    if len(set(names)) != len(names) or not set(labels or ()) <= set(names):
        raise DataError("Every label has to be one of the classes, and no class may be named twice.")
    wrong = sorted(set(splits) - set(SPLITS))
    if wrong:
        raise DataError(f"There is no split called {wrong[0]!r}: use {', '.join(SPLITS)}.")
    home: dict[str, str] = {}
    for person, split in zip(persons, splits, strict=True):
        if home.setdefault(person, split) != split:
            raise DataError(
                f"Person {person} is in {home[person]} and in {split}: assign splits by person, not by picture."
            )
    index = {name: i for i, name in enumerate(names)}
    return Columns(
        task=task,
        labels=np.array([index[label] for label in labels] if labels is not None else [-1] * count, np.int32),
        persons=np.array(list(persons), dtype=np.str_),
        splits=np.array(list(splits), dtype=np.str_),
        ids=np.array(list(ids), dtype=np.str_),
        classes=names,
        points=_checked_points(points, task, count),
    )


def _checked_points(
    points: NDArray[np.floating[Any]] | None, task: str, count: int
) -> NDArray[np.float32] | None:
    if task != KEYPOINTS:
        return None
    wanted = (count, len(KEYPOINT_NAMES), 2)
    if points is None or points.shape != wanted:
        raise DataError(f"Keypoints are an array {list(wanted)}, NaN where one is missing.")
    # A point with one coordinate is no point.
    whole = np.isfinite(points).all(axis=2, keepdims=True)
    return np.where(whole, points, np.nan).astype(np.float32)


def check_images(shape: tuple[int, ...], dtype: np.dtype[Any], count: int) -> None:
    """Raises DataError unless these are ``count`` square pictures."""
    if dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] not in (1, 3):
        raise DataError(f"Pictures are uint8 [N, S, S, 1 or 3], not {dtype} {list(shape)}.")
    if shape[0] != count:
        raise DataError(f"There are {shape[0]} pictures for {count} labels.")


def check_masks(
    task: str, images: tuple[int, ...], masked: tuple[int, ...] | None, alpha: tuple[int, ...] | None
) -> None:
    """Raises DataError unless mask removal, and it alone, has its pairs."""
    wanted = (images, images[:3]) if task == UNMASK else (None, None)
    if (masked, alpha) != wanted:
        raise DataError(
            "Mask removal, and it alone, needs masked [N, S, S, C] and alpha [N, S, S] of its pictures."
        )
