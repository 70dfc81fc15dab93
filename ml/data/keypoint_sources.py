"""Keypoints from wherever a researcher has them: Kaggle's CSV, an ``.npz``, or the mesh on faces of photos."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ml.data.packed import KEYPOINTS, DataError, PackedData, pack, without_people
from ml.data.splits import SHARES, split_people
from ml.faces.analyse import FaceAnalyser
from ml.landmarks import KEYPOINT_NAMES
from ml.pictures import UnreadablePicture, read_picture

#: Kaggle's columns, in the order of the flattened points.
COLUMNS = tuple(f"{name}_{axis}" for name in KEYPOINT_NAMES for axis in "xy")


def has_keypoints(path: Path) -> bool:
    """Whether a CSV, plain or gzipped, looks like Kaggle's: it holds the pictures and not their names."""
    if not path.name.endswith((".csv", ".csv.gz")):
        return False
    try:
        with _opened(path) as file:
            return "file" not in file.readline().rstrip().split(",")
    except (OSError, EOFError, UnicodeDecodeError):
        return True  # whoever reads it says what is wrong


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8-sig")
    return path.open(newline="", encoding="utf-8-sig")


def keypoints_from_csv(
    path: Path,
    *,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    notice: Callable[[str], None] = lambda message: None,
) -> PackedData:
    """Kaggle's form, plain or gzipped: 30 coordinates (blank where a point is missing), ``Image`` with the grey values
    of a square picture, and, if there is one, ``person``; without it every row is somebody else, as the notice says.

    Raises:
        DataError: not in that form.
    """
    csv.field_size_limit(10_000_000)
    images, points, persons, named = [], [], [], False
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file)
            missing = sorted({*COLUMNS, "Image"} - set(reader.fieldnames or ()))
            if missing:
                raise DataError(f"{path} lacks {missing[0]}: it needs Kaggle's 30 coordinates and Image.")
            for number, row in enumerate(reader):
                grey = _grey(row["Image"] or "", f"{path}: picture {number + 1}")
                side = round(len(grey) ** 0.5)
                if side < 1 or side * side != len(grey):
                    raise DataError(f"{path}: picture {number + 1} is not square ({len(grey)} values).")
                images.append(grey.reshape(side, side, 1))
                points.append([float(row[name]) if row[name] else np.nan for name in COLUMNS])
                persons.append(row.get("person") or f"row-{number}")
                named = named or bool(row.get("person"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: save it as UTF-8.") from error
    except (OSError, EOFError, csv.Error, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as Kaggle's CSV ({error}): download it again.") from error
    placed = np.array(points, np.float32).reshape(-1, 15, 2)
    data = _packed(path, images, placed, persons, split_people(persons, seed=seed, shares=shares))
    return data if named else without_people(data, notice)


def _grey(values: str, what: str) -> NDArray[np.uint8]:
    try:
        return np.array(values.split(), dtype=np.uint8)
    except OverflowError as error:
        raise DataError(f"{what} has grey values that are not from 0 to 255: scale them.") from error


def keypoints_from_npz(
    path: Path, *, seed: int = 0, shares: tuple[float, float, float] = SHARES
) -> PackedData:
    """``image`` uint8 [N, S, S] or [N, S, S, C], ``points`` [N, 15, 2] in pixels (NaN: missing), ``person`` [N].

    Where there is a ``label`` [N], too, people are divided as for smileys.

    Raises:
        DataError: not in that form.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = sorted({"image", "points", "person"} - set(arrays.files))
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}: it needs image, points and person.")
            images, points, persons = arrays["image"], arrays["points"], arrays["person"]
            labels = arrays["label"] if "label" in arrays.files else np.zeros(len(persons), int)
    except DataError:
        raise
    except Exception as error:
        # zipfile, struct and NumPy each have errors of their own for damaged files.
        raise DataError(
            f"{path} cannot be read as .npz ({error}): save it again, without objects."
        ) from error
    if labels.shape != persons.shape:
        raise DataError(f"{path} has {len(labels)} labels and {len(persons)} persons.")
    people, kinds = ([str(value) for value in column.tolist()] for column in (persons, labels))
    return _packed(
        path, images[..., None] if images.ndim == 3 else images, points, people,
        split_people(people, kinds, seed=seed, shares=shares),
    )  # fmt: skip


def keypoints_from_photos(
    rows: Sequence[tuple[Path, str]],
    *,
    size: int,
    ids: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
    notice: Callable[[str], None] = lambda message: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackedData:
    """Faces of photos with the points of their mesh: what a network can begin with before people have placed any.

    Args:
        rows: (file, person) of each photo.
        size: side of the crops in pixels.
        ids: of each photo; by default the files' names.
        labels: of each photo; people are divided as those who learn smileys from them do it.
        seed, shares: of the division by person.
        notice, progress: told what was left out, and (photos done, photos in all).

    Raises:
        DataError: no face in any of them.
    """
    analyser = FaceAnalyser()
    images, points, kept = [], [], []
    for done, (file, _) in enumerate(rows):
        progress(done, len(rows))
        try:
            image = read_picture(file)
        except UnreadablePicture:
            continue
        subject = analyser.analyse(image).subject
        if subject is None:
            continue
        placed = subject.transform_for(size).apply(subject.keypoints)
        images.append(subject.crop(image, size))
        points.append(np.where(subject.visibility[:, None] > 0, placed, np.nan))
        kept.append(done)
    progress(len(rows), len(rows))
    if lost := len(rows) - len(images):
        notice(f"No face was found in {lost} of {len(rows)} pictures; they are left out.")
    if not images:
        raise DataError("None of the pictures shows a face: is this the right folder?")
    persons = [rows[i][1] for i in kept]
    return pack(
        task=KEYPOINTS, images=np.stack(images), points=np.array(points, np.float32), persons=persons,
        splits=split_people(persons, labels and [labels[i] for i in kept], seed=seed, shares=shares),
        ids=[ids[i] if ids else rows[i][0].name for i in kept],
    )  # fmt: skip


def _packed(
    path: Path,
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    points: NDArray[np.floating[Any]],
    persons: list[str],
    splits: list[str],
) -> PackedData:
    if len({image.shape for image in images}) > 1:
        raise DataError(f"{path} has pictures of several sizes: bring them to one.")
    return pack(
        task=KEYPOINTS,
        images=np.asarray(images) if len(images) else np.empty((0, 1, 1, 1), np.uint8),
        points=points,
        persons=persons,
        splits=splits,
        ids=[str(i) for i in range(len(persons))],
    )


def blank_points(data: PackedData, share: float, *, seed: int = 0, drop_rows: bool = False) -> PackedData:
    """The same data with a share of the training people's points taken away at random.

    Args:
        data: keypoints.
        share: of the points, 0 to 1.
        seed: of the drawing.
        drop_rows: leave out every training row that lacks a point, as is often done with Kaggle's file.

    Raises:
        DataError: nothing would be left to learn from.
    """
    assert data.points is not None
    points = data.points.copy()
    learnt = data.splits == "train"
    gone = np.random.default_rng(seed).random(points.shape[:2]) < share
    points[gone & learnt[:, None]] = np.nan
    keep = ~learnt | np.isfinite(points).all(axis=(1, 2)) if drop_rows else np.ones(len(data), bool)
    if not (keep & learnt).any():
        raise DataError(
            "Every training row lacks a point: without a masked loss nothing is left to learn from."
        )
    return pack(
        task=KEYPOINTS,
        images=np.asarray(data.images)[keep],
        points=points[keep],
        persons=data.persons[keep].tolist(),
        splits=data.splits[keep].tolist(),
        ids=data.ids[keep].tolist(),
    )
