"""The packed data set: what the site hands to training, one directory of plain arrays.

    manifest.json   format_version, task, classes, count, size, channels, data_hash, about
    images.npy      uint8 [N, S, S, C], RGB or grey
    labels.npy      int32 [N], index into classes
    persons.npy     text [N], opaque; photos of one person share it
    splits.npy      text [N], train, validation or test; the same for all photos of a person
    ids.npy         text [N], opaque, unique

Written beside its place and renamed, so that a directory by the final name is always complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.splits import SPLITS

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

Texts = NDArray[np.str_]


class DataError(ValueError):
    """The data set cannot be used; the sentence says what is wrong and what would help."""


@dataclass(frozen=True)
class PackedData:
    """A labelled data set, its pictures in memory or mapped from disk.

    Attributes:
        images: uint8 [N, S, S, C], C 1 (grey) or 3 (RGB).
        labels: int32 [N], index into ``classes``.
        persons: [N] opaque names.
        splits: [N] "train", "validation" or "test".
        ids: [N] opaque, unique.
        classes: the labels' names.
        data_hash: SHA-256 over all of the above.
        about: whatever the writer wanted to be kept with it.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    persons: Texts
    splits: Texts
    ids: Texts
    classes: tuple[str, ...]
    data_hash: str
    about: Mapping[str, Any] = field(default_factory=dict)

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
    images: NDArray[np.uint8],
    labels: Sequence[str],
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    classes: Sequence[str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> PackedData:
    """A data set in memory, checked. Arguments as for :func:`write_packed`."""
    columns = _columns(labels, persons, splits, ids, classes)
    _check_images(images.shape, images.dtype, len(columns.ids))
    digest = columns.digest()
    for image in images:
        digest.update(image.tobytes())
    return PackedData(
        images, columns.labels, columns.persons, columns.splits, columns.ids, columns.classes,
        digest.hexdigest(), dict(about or {}),
    )  # fmt: skip


def write_packed(
    path: str | os.PathLike[str],
    *,
    images: Iterable[NDArray[np.uint8]],
    labels: Sequence[str],
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    classes: Sequence[str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> str:
    """Write a packed data set; returns its ``data_hash``.

    Args:
        path: the directory to be made; it must not exist yet.
        images: one uint8 [S, S, C] after the other, all of one shape, in the order of the other columns. Taken one
            by one: a hundred thousand need no more memory than one.
        labels: the class name of each picture.
        persons: the person of each picture, opaque.
        splits: "train", "validation" or "test" of each picture.
        ids: a unique opaque id of each picture.
        classes: names and order of all classes; by default those that occur, sorted.
        about: JSON values to be kept in the manifest.

    Raises:
        DataError: columns of different lengths, a person in two splits, a picture of another shape, …
    """
    path = Path(path)
    if path.exists():
        raise DataError(f"{path} exists already: a packed data set is never changed, choose another name.")
    columns = _columns(labels, persons, splits, ids, classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        digest = columns.digest()
        shape = _write_images(aside / "images.npy", images, len(columns.ids), digest)
        for name in ("labels", "persons", "splits", "ids"):
            np.save(aside / f"{name}.npy", getattr(columns, name), allow_pickle=False)
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": "smiley",
            "classes": list(columns.classes),
            "count": len(columns.ids),
            "size": shape[0],
            "channels": shape[2],
            "data_hash": digest.hexdigest(),
            "about": dict(about or {}),
        }
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        aside.chmod(0o755)
        aside.rename(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return str(manifest["data_hash"])


def read_packed(path: str | os.PathLike[str], *, verify: bool = False) -> PackedData:
    """Open a packed data set; its pictures stay on disk until they are looked at.

    Args:
        path: the directory.
        verify: read everything once and compare the hash.

    Raises:
        DataError: no such directory, a later format, files that do not fit together.
    """
    path = Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        version = manifest["format_version"]
        if version > FORMAT_VERSION:
            raise DataError(f"{path} has format {version}, newer than this version reads: update Smielfy.")
        arrays = {
            name: np.load(
                path / f"{name}.npy", mmap_mode="r" if name == "images" else None, allow_pickle=False
            )
            for name in ("images", "labels", "persons", "splits", "ids")
        }
        classes = tuple(str(name) for name in manifest["classes"])
        stated, about = str(manifest["data_hash"]), manifest.get("about", {})
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is no packed data set: {Path(error.filename or MANIFEST).name} is missing from it."
        ) from None
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged ({error}): freeze or export it again.") from error
    labels = arrays["labels"]
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise DataError(f"{path} has labels that are not among its classes: freeze or export it again.")
    columns = _columns(
        [classes[i] for i in labels],
        arrays["persons"].tolist(),
        arrays["splits"].tolist(),
        arrays["ids"].tolist(),
        classes,
    )
    _check_images(arrays["images"].shape, arrays["images"].dtype, len(columns.ids))
    if verify:
        digest = columns.digest()
        for image in arrays["images"]:
            digest.update(image.tobytes())
        if digest.hexdigest() != stated:
            raise DataError(f"{path} was changed after it was written: freeze or export it again.")
    return PackedData(
        arrays["images"], columns.labels, columns.persons, columns.splits, columns.ids, classes, stated, about
    )


@dataclass(frozen=True)
class _Columns:
    labels: NDArray[np.int32]
    persons: Texts
    splits: Texts
    ids: Texts
    classes: tuple[str, ...]

    def digest(self) -> hashlib._Hash:
        """SHA-256 over everything but the pictures, to be fed these in order."""
        rows = zip(
            self.ids.tolist(), self.persons.tolist(), self.labels.tolist(), self.splits.tolist(), strict=True
        )
        return hashlib.sha256(json.dumps([list(self.classes), *rows], ensure_ascii=False).encode())


def _columns(
    labels: Sequence[str],
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    classes: Sequence[str] | None,
) -> _Columns:
    """The checked columns. Raises DataError."""
    names = tuple(classes) if classes is not None else tuple(sorted(set(labels)))
    count = len(ids)
    if count == 0:
        raise DataError("The data set is empty: accept some photos first.")
    if not len(labels) == len(persons) == len(splits) == count:
        raise DataError("Labels, persons, splits and ids have to be equally many.")
    if len(set(ids)) != count:
        raise DataError("Two pictures have the same id: ids have to be unique.")
    if len(set(names)) != len(names) or not set(labels) <= set(names):
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
    return _Columns(
        labels=np.array([index[label] for label in labels], dtype=np.int32),
        persons=np.array(list(persons), dtype=np.str_),
        splits=np.array(list(splits), dtype=np.str_),
        ids=np.array(list(ids), dtype=np.str_),
        classes=names,
    )


def _check_images(shape: tuple[int, ...], dtype: np.dtype[Any], count: int) -> None:
    if dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] not in (1, 3):
        raise DataError(f"Pictures are uint8 [N, S, S, 1 or 3], not {dtype} {list(shape)}.")
    if shape[0] != count:
        raise DataError(f"There are {shape[0]} pictures for {count} labels.")


def _write_images(
    path: Path, images: Iterable[NDArray[np.uint8]], count: int, digest: hashlib._Hash
) -> tuple[int, int, int]:
    """Write pictures one by one into a mapped .npy; returns the shape of one."""
    out: NDArray[np.uint8] | None = None
    written = 0
    for image in images:
        if out is None:
            _check_images((count, *image.shape), image.dtype, count)
            out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, *image.shape))
        if written == count or image.shape != out.shape[1:] or image.dtype != np.uint8:
            raise DataError(
                f"Picture {written} does not fit: {count} uint8 {list(out.shape[1:])} were announced."
            )
        out[written] = image
        digest.update(image.tobytes())
        written += 1
    if out is None or written != count:
        raise DataError(f"There are {written} pictures for {count} labels.")
    out.flush()  # type: ignore[attr-defined]
    return int(out.shape[1]), int(out.shape[2]), int(out.shape[3])
