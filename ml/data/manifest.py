"""The packed data set: what the site hands to training, one directory of plain arrays.

    manifest.json   format_version, task, classes, count, size, channels, data_hash, about
    images.npy      uint8 [N, S, S, C], RGB or grey
    labels.npy      int32 [N], index into classes; −1 where there are no labels
    persons.npy     text [N], opaque; photos of one person share it
    splits.npy      text [N], train, validation or test; the same for all photos of a person
    ids.npy         text [N], opaque, unique
    points.npy      keypoints: float32 [N, 15, 2] in pixels, NaN where a point is missing
    masked.npy      unmask: uint8 like images, with a mask on
    alpha.npy       unmask: uint8 [N, S, S], how far each pixel was changed

Written beside its place and renamed, so that a directory by the final name is always complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.packed import (
    KEYPOINTS,
    SMILEY,
    UNMASK,
    DataError,
    PackedData,
    check_columns,
    check_images,
    check_masks,
    pack,
)

__all__ = ["DataError", "PackedData", "pack", "read_packed", "write_packed"]

FORMAT_VERSION = 1
MANIFEST = "manifest.json"

_COLUMNS = ("labels", "persons", "splits", "ids")


def write_packed(
    path: str | os.PathLike[str],
    *,
    images: Iterable[NDArray[np.uint8]],
    persons: Sequence[str],
    splits: Sequence[str],
    ids: Sequence[str],
    labels: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    about: Mapping[str, Any] | None = None,
    task: str = SMILEY,
    points: NDArray[np.floating[Any]] | None = None,
    masked: Iterable[NDArray[np.uint8]] | None = None,
    alpha: Iterable[NDArray[np.uint8]] | None = None,
) -> str:
    """Write a packed data set; returns its ``data_hash``.

    Args:
        path: the directory to be made; it must not exist yet.
        images: one uint8 [S, S, C] after the other, all of one shape, in the order of the other columns. Taken one
            by one: a hundred thousand need no more memory than one.
        persons: the person of each picture, opaque.
        splits: "train", "validation" or "test" of each picture.
        ids: a unique opaque id of each picture.
        labels: the class name of each picture; needed for smileys only.
        classes: names and order of all classes; by default those that occur, sorted.
        about: JSON values to be kept in the manifest.
        task: "smiley", "keypoints" or "unmask".
        points: for keypoints: [N, 15, 2], pixels, NaN where one is missing.
        masked: for unmask: the same faces with a mask on, one by one; taken after ``images``.
        alpha: for unmask: uint8 [S, S] one by one; taken last.

    Raises:
        DataError: columns of different lengths, a person in two splits, a picture of another shape, …
    """
    path = Path(path)
    if path.exists():
        raise DataError(f"{path} exists already: a packed data set is never changed, choose another name.")
    columns = check_columns(labels, persons, splits, ids, classes, task=task, points=points)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        digest, count = columns.digest(), len(columns.ids)
        shapes = {
            name: _write_images(aside / f"{name}.npy", pictures, count, digest)
            for name, pictures in (("images", images), ("masked", masked), ("alpha", alpha))
            if pictures is not None
        }
        check_masks(task, shapes["images"], shapes.get("masked"), shapes.get("alpha"))
        for name in _COLUMNS:
            np.save(aside / f"{name}.npy", getattr(columns, name), allow_pickle=False)
        if columns.points is not None:
            np.save(aside / "points.npy", columns.points, allow_pickle=False)
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": task,
            "classes": list(columns.classes),
            "count": count,
            "size": shapes["images"][1],
            "channels": shapes["images"][3],
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
        task = str(manifest["task"])
        pictures = ("images", "masked", "alpha") if task == UNMASK else ("images",)
        values = (*_COLUMNS, "points") if task == KEYPOINTS else _COLUMNS
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in pictures}
        arrays |= {name: np.load(path / f"{name}.npy", allow_pickle=False) for name in values}
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
    if classes and len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise DataError(f"{path} has labels that are not among its classes: freeze or export it again.")
    columns = check_columns(
        [classes[i] for i in labels] if classes else None,
        arrays["persons"].tolist(),
        arrays["splits"].tolist(),
        arrays["ids"].tolist(),
        classes,
        task=task,
        points=arrays.get("points"),
    )
    masked, alpha = arrays.get("masked"), arrays.get("alpha")
    check_images(arrays["images"].shape, arrays["images"].dtype, len(columns.ids))
    check_masks(task, arrays["images"].shape, *(None if a is None else a.shape for a in (masked, alpha)))
    if verify:
        digest = columns.digest()
        for name in pictures:
            for image in arrays[name]:
                digest.update(image.tobytes())
        if digest.hexdigest() != stated:
            raise DataError(f"{path} was changed after it was written: freeze or export it again.")
    return PackedData(
        arrays["images"], columns.labels, columns.persons, columns.splits, columns.ids, classes, stated, about,
        task, columns.points, masked, alpha,
    )  # fmt: skip


def _write_images(
    path: Path, images: Iterable[NDArray[np.uint8]], count: int, digest: hashlib._Hash
) -> tuple[int, ...]:
    """Write pictures one by one into a mapped .npy; returns the shape of all."""
    out: NDArray[np.uint8] | None = None
    written = 0
    for image in images:
        if out is None:
            as_picture = image.shape if image.ndim == 3 else (*image.shape, 1)
            check_images((count, *as_picture), image.dtype, count)
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
    return tuple(int(side) for side in out.shape)
