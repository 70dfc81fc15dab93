"""Data for the smiley task from wherever a researcher has it: packed, an ``.npz``, or a CSV beside pictures."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ml.data.manifest import MANIFEST, DataError, PackedData, pack, read_packed
from ml.data.splits import assign_splits
from ml.faces.analyse import FaceAnalyser
from ml.pictures import UnreadablePicture, read_picture

Notice = Callable[[str], None]


def load_smiley_data(
    path: str | os.PathLike[str],
    *,
    size: int,
    seed: int = 0,
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
        return _from_npz(path, seed)
    if path.suffix == ".csv" and path.is_file():
        return _from_csv(path, size, seed, notice, progress)
    raise DataError(
        f"{path} is no data: name a packed data set, an .npz with image, label and person, or a CSV "
        "file,person,smiley beside its pictures."
    )


def _splits(persons: Iterable[str], labels: Iterable[str], seed: int) -> list[str]:
    photos = list(zip(persons, labels, strict=True))
    assigned = assign_splits(photos, seed=seed)
    return [assigned[person] for person, _ in photos]


def _from_npz(path: Path, seed: int) -> PackedData:
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
        splits=_splits(people, names, seed),
        ids=[str(i) for i in range(len(names))],
    )


def _from_csv(
    path: Path, size: int, seed: int, notice: Notice, progress: Callable[[int, int], None]
) -> PackedData:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"file", "smiley"} <= set(reader.fieldnames or ()):
            raise DataError(f"{path} lacks a column: its first line has to be file,person,smiley.")
        rows = list(reader)
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
        splits=_splits(persons, labels, seed),
        ids=[row["file"] for row in kept],
    )
