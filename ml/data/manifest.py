"""The packed data set: what the site hands to training, one directory.

    manifest.json   format_version, task, classes, count, size, channels, data_hash, about, shards
    NAME.npy, …     the shards, see ml.data.shards; the manifest has the order, count and SHA-256 of each

Written beside its place and renamed, so that a directory by the final name is always complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.packed import (
    KEYPOINTS,
    SMILEY,
    Columns,
    DataError,
    PackedData,
    check_columns,
    check_images,
    check_masks,
    pack,
)
from ml.data.shards import Rows, ShardedPictures, open_shard, picture_names, write_shard

__all__ = ["DamagedShard", "DataError", "PackedData", "pack", "pack_opened", "read_packed", "write_packed"]

FORMAT_VERSION = 2
MANIFEST = "manifest.json"

_AGAIN = "freeze or export it again"


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
        masked: for unmask: the same faces with a mask on, one by one; each is taken after its image.
        alpha: for unmask: uint8 [S, S] one by one; each is taken last.

    Raises:
        DataError: columns of different lengths, a person in two splits, a picture of another shape, …
    """
    columns = check_columns(labels, persons, splits, ids, classes, task=task, points=points)
    given = [pictures for pictures in (images, masked, alpha) if pictures is not None]
    if len(given) != len(picture_names(task)):
        raise DataError(
            "Mask removal, and it alone, needs masked [N, S, S, C] and alpha [N, S, S] of its pictures."
        )
    rows = Rows(ids, persons, splits, labels if labels is not None else [""] * len(ids), columns.points)
    with pack_opened(path) as opened:
        with open(opened.folder / "pictures.npy", "xb") as file:
            write_shard(file, task=task, rows=rows, pictures=_records(given))
        return opened.close(["pictures.npy"], task=task, classes=columns.classes, about=about)


def _records(given: list[Iterable[NDArray[np.uint8]]]) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    try:
        yield from zip(*given, strict=True)
    except ValueError as error:
        raise DataError("Images, masked and alpha have to be equally many.") from error


class DamagedShard(DataError):
    """A shard that is not what was written; ``file`` is its name in the folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was changed after it was written: {_AGAIN}.")
        self.file = path.name


class OpenedPack:
    """A packed data set that is being put together from shards in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def close(
        self,
        shards: Sequence[str],
        *,
        task: str,
        classes: Sequence[str] | None = None,
        about: Mapping[str, Any] | None = None,
        sha256: Mapping[str, str] | None = None,
    ) -> str:
        """Write the manifest of these files of the folder, in this order; returns the ``data_hash``.

        ``classes``: by default those that occur, sorted. ``sha256``: of each file, where it is known what it has to
        be. Raises DamagedShard when it is not that, and DataError as ``write_packed`` does.
        """
        found = {name: sha256_of(self.folder / name) for name in shards}
        for name in shards:
            if sha256 is not None and found[name] != sha256[name]:
                raise DamagedShard(self.folder / name)
        counts: list[int] = []
        image: tuple[int, ...] = ()

        def each() -> Iterator[NDArray[Any]]:
            nonlocal image
            for name in shards:
                part = open_shard(self.folder / name)
                counts.append(len(part))
                image = part.dtype["image"].shape
                yield part

        # One mapped after the other: what was looked at of a mapped file counts as memory while it is open.
        columns, digest = _columns(each(), task, classes)
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": task,
            "classes": list(columns.classes),
            "count": len(columns.ids),
            "size": image[0],
            "channels": image[2],
            "data_hash": digest,
            "about": dict(about or {}),
            "shards": [
                {"file": name, "count": count, "sha256": found[name]}
                for name, count in zip(shards, counts, strict=True)
            ],
        }
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        return digest


@contextmanager
def pack_opened(path: str | os.PathLike[str]) -> Iterator[OpenedPack]:
    """A directory beside ``path`` that gets its name once the context is left, and is gone where that raises.

    Raises DataError when there is something at ``path``.
    """
    path = Path(path)
    if path.exists():
        raise DataError(f"{path} exists already: a packed data set is never changed, choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield OpenedPack(aside)
        aside.chmod(0o755)
        aside.rename(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_packed(path: str | os.PathLike[str], *, verify: bool = False) -> PackedData:
    """Open a packed data set; its pictures stay on disk until they are looked at.

    Args:
        path: the directory.
        verify: read the pictures, too, and compare the hashes of the shards.

    Raises:
        DataError: no such directory, another format, a shard that is missing or damaged.
    """
    path = Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        version = manifest["format_version"]
        if version != FORMAT_VERSION:
            newer = "newer than this version reads: update Smielfy"
            older = f"older than this version reads: {_AGAIN}"
            raise DataError(f"{path} has format {version}, {newer if version > FORMAT_VERSION else older}.")
        task, stated = str(manifest["task"]), str(manifest["data_hash"])
        classes = tuple(str(name) for name in manifest["classes"])
        shards = [(str(one["file"]), int(one["count"]), str(one["sha256"])) for one in manifest["shards"]]
        for name, _, sha256 in shards if verify else ():
            if sha256_of(path / name) != sha256:
                raise DamagedShard(path / name)
        parts = [open_shard(path / name) for name, _, _ in shards]
        for (name, count, _), part in zip(shards, parts, strict=True):
            if len(part) != count:
                raise DamagedShard(path / name)
        columns, found = _columns(parts, task, classes)
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is no packed data set: {Path(error.filename or MANIFEST).name} is missing from it."
        ) from None
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged ({error}): {_AGAIN}.") from error
    if found != stated:
        raise DataError(f"{path} was changed after it was written: {_AGAIN}.")
    images, masked, alpha = (_pictures(parts, name, task) for name in ("image", "masked", "alpha"))
    assert images is not None
    check_images(images.shape, images.dtype, len(columns.ids))
    check_masks(task, images.shape, *(None if a is None else a.shape for a in (masked, alpha)))
    return PackedData(
        images, columns.labels, columns.persons, columns.splits, columns.ids, columns.classes, stated,
        manifest.get("about", {}), task, columns.points, masked, alpha,
    )  # fmt: skip


def _columns(parts: Iterable[NDArray[Any]], task: str, classes: Sequence[str] | None) -> tuple[Columns, str]:
    """What the records say beside their pictures, and the ``data_hash``."""
    texts: dict[str, list[str]] = {name: [] for name in ("id", "person", "split", "label")}
    points, digests = [], []
    known: dict[str, str] = {}  # one object for each person, not one for each of their pictures
    for part in parts:
        for name, column in texts.items():
            found = part[name].tolist()
            column.extend(found if name == "id" else (known.setdefault(text, text) for text in found))
        digests.append(part["sha256"].tobytes())
        if task == KEYPOINTS:
            points.append(np.array(part["points"]))
    labels = texts["label"]
    columns = check_columns(
        labels if any(labels) or task == SMILEY else None,
        texts["person"],
        texts["split"],
        texts["id"],
        classes,
        task=task,
        points=np.concatenate(points) if points else None,
    )
    digest = columns.digest()
    for pictures in digests:
        digest.update(pictures)
    return columns, digest.hexdigest()


def _pictures(parts: list[NDArray[Any]], name: str, task: str) -> Any:
    return ShardedPictures([part[name] for part in parts]) if name in picture_names(task) else None
