"""Data from wherever a researcher has it: packed, an ``.npz``, a CSV beside pictures, a folder of faces."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.data.keypoint_sources import (
    has_keypoints,
    keypoints_from_csv,
    keypoints_from_npz,
    keypoints_from_photos,
)
from ml.data.manifest import MANIFEST, read_packed
from ml.data.packed import KEYPOINTS, SMILEY, UNMASK, DataError, PackedData, pack, without_people
from ml.data.splits import SHARES, split_people
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

    What is packed is read once to compare its hashes: nothing is learnt from a damaged one.

    Args:
        task: "smiley" (see :func:`load_smiley_data`), "keypoints" or "unmask".
        path: a packed directory; for keypoints Kaggle's CSV, also gzipped, an ``.npz`` with ``image``, ``points``
            and ``person``, or photos, whose points are the face mesh's; for unmask photos. Photos are a folder of them,
            or a CSV ``file,person`` beside them; a column ``smiley`` lets people be divided as for smileys.
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
        data = read_packed(path, verify=True)
        if data.task != task:
            raise DataError(f"{path} is a data set for {data.task}, not for {task}: name another.")
        return data
    if task == SMILEY:
        return load_smiley_data(path, size=size, seed=seed, shares=shares, notice=notice, progress=progress)
    if task == KEYPOINTS:
        if path.is_file() and path.suffix == ".npz":
            return keypoints_from_npz(path, seed=seed, shares=shares)
        if path.is_file() and has_keypoints(path):
            return keypoints_from_csv(path, seed=seed, shares=shares, notice=notice)
        faces = _faces_in(path)
        data = keypoints_from_photos(
            faces.rows, ids=faces.ids, labels=faces.labels, size=size, seed=seed, shares=shares, notice=notice,
            progress=progress,
        )  # fmt: skip
        return data if faces.named else without_people(data, notice)
    if task == UNMASK:
        # Drawing masks loads what nothing else here needs.
        from ml.data.mask_sources import mask_pairs

        faces = _faces_in(path)
        data = mask_pairs(
            faces.rows, ids=faces.ids, labels=faces.labels, size=size, variants=variants, seed=seed, shares=shares,
            notice=notice, progress=progress,
        )  # fmt: skip
        return data if faces.named else without_people(data, notice)
    raise DataError(f"There is no task called {task!r}.")


class _Faces(NamedTuple):
    """(file, person), id and label of each photo, and whether people are named at all."""

    rows: list[tuple[Path, str]]
    ids: list[str]
    labels: list[str]
    named: bool


def _faces_in(path: Path) -> _Faces:
    """What is in a folder of photos or in the CSV beside them."""
    table = path / "labels.csv" if path.is_dir() else path
    if table.suffix == ".csv" and table.is_file():
        rows = [row for row in _rows(table, {"file"}, "file,person") if row["file"]]
        return _Faces(
            [(table.parent / row["file"], row.get("person") or row["file"]) for row in rows],
            [row["file"] for row in rows],
            [row.get("smiley") or "" for row in rows],
            any(row.get("person") for row in rows),
        )
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in _PICTURES) if path.is_dir() else []
    if not found:
        raise DataError(
            f"{path} is no data: name a packed data set, a folder of photos, or a CSV file,person beside them."
        )
    names = [file.name for file in found]
    return _Faces(list(zip(found, names, strict=True)), names, [""] * len(names), named=False)


def _rows(path: Path, needed: set[str], form: str) -> list[dict[str, str]]:
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not needed <= set(reader.fieldnames or ()):
                raise DataError(f"{path} lacks a column: its first line has to be {form}.")
            for row in reader:
                empty = sorted(name for name in needed if not (row[name] or "").strip())
                if row["file"] and empty:
                    where = f"{path}, line {reader.line_num}"
                    raise DataError(
                        f"{where}: {row['file']} has no {empty[0]}: add it, or leave the line out."
                    )
                rows.append(row)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: save it as UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{path} is no CSV ({error}): its first line has to be {form}.") from error
    return rows


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
        return read_packed(path, verify=True)
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


def _from_npz(path: Path, seed: int, shares: tuple[float, float, float]) -> PackedData:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = sorted({"image", "label", "person"} - set(arrays.files))
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}: it needs image, label and person.")
            images, labels, persons = arrays["image"], arrays["label"], arrays["person"]
            classes = arrays["classes"] if "classes" in arrays.files else None
    except DataError:
        raise
    except Exception as error:
        # zipfile, struct and NumPy each have errors of their own for damaged files.
        raise DataError(
            f"{path} cannot be read as .npz ({error}): save it again, without objects."
        ) from error
    if images.dtype != np.uint8:
        raise DataError(f"{path} has {images.dtype} pictures: save them as uint8, 0 to 255.")
    if not len(images) == len(labels) == len(persons):
        raise DataError(
            f"{path} has {len(images)} pictures, {len(labels)} labels and {len(persons)} persons."
        )
    if classes is not None and labels.dtype.kind in "iu":
        wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
        if len(wrong):
            row = int(wrong[0])
            raise DataError(
                f"{path}: row {row} has label {labels[row]}, but there are {len(classes)} classes."
            )
        labels = classes[labels]
    names, people = ([str(value) for value in column.tolist()] for column in (labels, persons))
    return pack(
        images=images[..., None] if images.ndim == 3 else images,
        labels=names,
        persons=people,
        splits=split_people(people, names, seed=seed, shares=shares),
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
    data = pack(
        images=np.stack(crops),
        labels=labels,
        persons=persons,
        splits=split_people(persons, labels, seed=seed, shares=shares),
        ids=[row["file"] for row in kept],
    )
    return data if any(row.get("person") for row in rows) else without_people(data, notice)
