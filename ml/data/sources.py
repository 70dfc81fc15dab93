"""Data from wherever a researcher has it: packed, an ``.npz``, a CSV beside pictures, a folder of faces."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ml.data.keypoint_sources import (
    has_keypoints,
    keypoints_from_csv,
    keypoints_from_npz,
    keypoints_from_photos,
)
from ml.data.manifest import MANIFEST, read_packed
from ml.data.packed import KEYPOINTS, SMILEY, UNMASK, DataError, PackedData, pack
from ml.data.splits import SHARES, assign_splits
from ml.faces.analyse import FaceAnalyser
from ml.pictures import UnreadablePicture, read_picture

Notice = Callable[[str], None]

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def load_data(
    task: str,
    path: str | os.PathLike[str],
    *,
    size: int,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    variants: int = 2,
    notice: Notice = lambda message: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackedData:
    """Load what a task learns from. What is not packed is divided by person here, the same way for the same seed.

    Args:
        task: "smiley" (see :func:`load_smiley_data`), "keypoints" or "unmask".
        path: a packed directory; for keypoints Kaggle's CSV, also gzipped, an ``.npz`` with ``image``, ``points``
            and ``person``, or photos, whose points are the face mesh's; for unmask photos. Photos are a folder of them,
            or a CSV ``file,person`` beside them.
        size: side of the crops cut from photos.
        seed: of the division into train, validation and test, and of the masks.
        shares: of people in train, validation and test.
        variants: masks drawn for each face of those learnt from.
        notice: told, in a sentence, what was left out.
        progress: told (pictures done, pictures in all).

    Raises:
        DataError: nothing there, or not in one of these forms.
    """
    path = Path(path)
    if (path / MANIFEST).is_file():
        data = read_packed(path)
        if data.task != task:
            raise DataError(f"{path} is a data set for {data.task}, not for {task}: name another.")
        return data
    if task == SMILEY:
        return load_smiley_data(path, size=size, seed=seed, shares=shares, notice=notice, progress=progress)
    if task == KEYPOINTS:
        if path.is_file() and path.suffix == ".npz":
            return keypoints_from_npz(path, seed=seed, shares=shares)
        if path.is_file() and has_keypoints(path):
            return keypoints_from_csv(path, seed=seed, shares=shares)
        return keypoints_from_photos(
            _faces_in(path), size=size, seed=seed, shares=shares, notice=notice, progress=progress
        )
    if task == UNMASK:
        # Drawing masks loads what nothing else here needs.
        from ml.data.mask_sources import mask_pairs

        return mask_pairs(
            _faces_in(path), size=size, variants=variants, seed=seed, shares=shares, notice=notice,
            progress=progress,
        )  # fmt: skip
    raise DataError(f"There is no task called {task!r}.")


def _faces_in(path: Path) -> list[tuple[Path, str]]:
    """(file, person) of a folder of photos or of the CSV beside them."""
    table = path / "labels.csv" if path.is_dir() else path
    if table.suffix == ".csv" and table.is_file():
        rows = _rows(table, {"file"}, "file,person")
        return [(table.parent / row["file"], row.get("person") or row["file"]) for row in rows if row["file"]]
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in _PICTURES) if path.is_dir() else []
    if not found:
        raise DataError(
            f"{path} is no data: name a packed data set, a folder of photos, or a CSV file,person beside them."
        )
    return [(file, file.name) for file in found]


def _rows(path: Path, needed: set[str], form: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not needed <= set(reader.fieldnames or ()):
            raise DataError(f"{path} lacks a column: its first line has to be {form}.")
        return list(reader)


def load_smiley_data(
    path: str | os.PathLike[str],
    *,
    size: int,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    notice: Notice = lambda message: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackedData:
    """Load labelled faces. What is not packed is divided by person here, the same way for the same seed.

    Args:
        path: a packed directory; an ``.npz`` with ``image`` uint8 [N, S, S] or [N, S, S, 3], ``label`` [N], ``person``
            [N] and, if wanted, ``classes``; or a CSV ``file,person,smiley`` (or the folder with a ``labels.csv``)
            beside its pictures, which go through detection and alignment.
        size: side of the crops cut from a CSV's pictures.
        seed: of the division into train, validation and test.
        shares: of people in them.
        notice: told, in a sentence, what was left out.
        progress: told (pictures done, pictures in all) of a CSV.

    Raises:
        DataError: nothing there, or not in one of these forms.
    """
    path = Path(path)
    if (path / MANIFEST).is_file():
        return read_packed(path)
    if path.is_dir() and (path / "labels.csv").is_file():
        path = path / "labels.csv"
    if path.suffix == ".npz" and path.is_file():
        return _from_npz(path, seed, shares)
    if path.suffix == ".csv" and path.is_file():
        return _from_csv(path, size, seed, shares, notice, progress)
    raise DataError(
        f"{path} is no data: name a packed data set, an .npz with image, label and person, or a CSV "
        "file,person,smiley beside its pictures."
    )


def _splits(
    persons: Iterable[str], labels: Iterable[str], seed: int, shares: tuple[float, float, float]
) -> list[str]:
    photos = list(zip(persons, labels, strict=True))
    assigned = assign_splits(photos, seed=seed, shares=shares)
    return [assigned[person] for person, _ in photos]


def _from_npz(path: Path, seed: int, shares: tuple[float, float, float]) -> PackedData:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = sorted({"image", "label", "person"} - set(arrays.files))
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}: it needs image, label and person.")
            images, labels, persons = arrays["image"], arrays["label"], arrays["person"]
            classes = arrays["classes"].tolist() if "classes" in arrays.files else None
    except DataError:
        raise
    except Exception as error:
        # zipfile, struct and NumPy each have errors of their own for damaged files.
        raise DataError(
            f"{path} cannot be read as .npz ({error}): save it again, without objects."
        ) from error
    if images.dtype != np.uint8:
        raise DataError(f"{path} has {images.dtype} pictures: save them as uint8, 0 to 255.")
    names = [
        classes[i] if classes is not None and labels.dtype.kind in "iu" else str(i) for i in labels.tolist()
    ]
    people = [str(person) for person in persons.tolist()]
    if not len(images) == len(names) == len(people):
        raise DataError(f"{path} has {len(images)} pictures, {len(names)} labels and {len(people)} persons.")
    return pack(
        images=images[..., None] if images.ndim == 3 else images,
        labels=names,
        persons=people,
        splits=_splits(people, names, seed, shares),
        ids=[str(i) for i in range(len(names))],
    )


def _from_csv(
    path: Path,
    size: int,
    seed: int,
    shares: tuple[float, float, float],
    notice: Notice,
    progress: Callable[[int, int], None],
) -> PackedData:
    rows = _rows(path, {"file", "smiley"}, "file,person,smiley")
    analyser = FaceAnalyser()
    crops, kept, unreadable, faceless = [], [], 0, 0
    for done, row in enumerate(rows):
        progress(done, len(rows))
        try:
            image = read_picture(path.parent / (row["file"] or ""))
        except UnreadablePicture:
            unreadable += 1
            continue
        subject = analyser.analyse(image).subject
        if subject is None:
            faceless += 1
            continue
        crops.append(subject.crop(image, size))
        kept.append(row)
    progress(len(rows), len(rows))
    if unreadable:
        notice(f"{unreadable} of {len(rows)} pictures named in {path} could not be read and are left out.")
    if faceless:
        notice(f"No face was found in {faceless} of {len(rows)} pictures; they are left out.")
    if not kept:
        raise DataError(f"None of the pictures named in {path} shows a face: are they in the same folder?")
    labels = [row["smiley"] for row in kept]
    # Without a column for it, every picture is somebody else's.
    persons = [row.get("person") or row["file"] for row in kept]
    return pack(
        images=np.stack(crops),
        labels=labels,
        persons=persons,
        splits=_splits(persons, labels, seed, shares),
        ids=[row["file"] for row in kept],
    )
