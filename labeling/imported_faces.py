"""A worker's look at an imported photo of which the import says where the face is: that stands, and what the detectors
see is put beside it. Imported by workers only, for it loads OpenCV."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ml.faces.crop import align, resized, warp
from ml.faces.quality import MEASURING_SIZE, exposure, sharpness
from ml.geometry import Box, GeometryError, Similarity
from ml.landmarks import KEYPOINT_NAMES
from ml.pictures import Picture

from .models import CROP_SIZE, Face, ImportedFace, KeypointSet

#: Around the outermost keypoints, for a face from brow to chin.
_AROUND_POINTS = 1.3
_ALIGNED_BY = (
    ("right_eye_center",),
    ("left_eye_center",),
    tuple(name for name in KEYPOINT_NAMES if name.startswith("mouth")),
)
_FIELDS = ("x", "y", "width", "height")


@dataclass
class Seen:
    """A face and its keypoints, not saved."""

    face: Face
    sets: list[KeypointSet]


def with_imported(said: ImportedFace, image: Picture, seen: list[Seen]) -> list[Seen]:
    """What the detectors saw, with the face that the import tells of as the subject in front.

    It is measured as the import says; else as the detector measured it that sees it; else, where none does, it is cut
    out by its eyes and mouth, or by its box.
    """
    twin = _twin(said, seen)
    if said.measured:
        flags = {name: twin.face.flags.get(name, 0.0) if twin else 0.0 for name in said.measured["flags"]}
        face = Face(
            photo=said.photo,
            **dict(zip(_FIELDS, said.box or (), strict=True)),
            **{**said.measured, "flags": flags},
        )
    else:
        face = twin.face if twin else _unseen(said, image)
    face.is_subject = True
    others = [one for one in seen if one is not twin]
    for one in others:
        one.face.is_subject = False
    sets = [
        found for found in (twin.sets if twin else []) if said.points is None or found.source != said.source
    ]
    for found in sets:
        found.face = face
    if said.points is not None:
        sets.append(KeypointSet(face=face, source=said.source, points=said.points, visible=said.visible))
    return [Seen(face, sets), *others]


def _twin(said: ImportedFace, seen: list[Seen]) -> Seen | None:
    """The detected face around the middle of the imported one, the nearest of several."""
    x, y = _box(said).center
    around = []
    for one in seen:
        box = Box(*(getattr(one.face, name) for name in _FIELDS))
        if box.x <= x <= box.right and box.y <= y <= box.bottom:
            around.append((abs(box.center[0] - x) + abs(box.center[1] - y), one))
    return min(around, key=lambda found: found[0])[1] if around else None


def _unseen(said: ImportedFace, image: Picture) -> Face:
    """Where no detector sees one. It is no less a face for that, but reviewers are told."""
    transform = _transform(said, image)
    crop = warp(image, resized(transform, CROP_SIZE, MEASURING_SIZE), MEASURING_SIZE)
    return Face(
        photo=said.photo,
        **dict(zip(_FIELDS, _box(said).as_list(), strict=True)),
        **dict.fromkeys(("score", "yaw", "pitch"), 0.0),
        roll=-transform.degrees,
        sharpness=sharpness(crop),
        brightness=exposure(crop).brightness,
        flags={"uncertain": 0.0},
        transform=transform.as_list(),
    )


def _box(said: ImportedFace) -> Box:
    if said.box is not None:
        return Box.from_list(said.box)
    return Box.from_points(_known(said, KEYPOINT_NAMES)).scaled(_AROUND_POINTS)


def _transform(said: ImportedFace, image: Picture) -> Similarity:
    """By eyes and mouth, as every face is cut out; where one of them is missing, upright around the box, or all of a
    picture that has none."""
    right, left, mouth = (_known(said, names) for names in _ALIGNED_BY)
    if right and left and mouth:
        middle = np.mean(mouth, axis=0).tolist()
        with suppress(GeometryError):  # all in one place
            return align([*right, *left, middle, middle, *right, *left], CROP_SIZE)
    height, width = image.shape[:2]
    box = Box.from_list(said.box) if said.box is not None else Box(0, 0, width, height)
    scale = CROP_SIZE / max(box.long_side, 1.0)
    x, y = box.center
    middle_of_crop = (
        CROP_SIZE - 1
    ) / 2  # a box counts from the edges of pixels, a transform from their centres
    return Similarity.from_parts(
        scale=scale, shift=(middle_of_crop - scale * (x - 0.5), middle_of_crop - scale * (y - 0.5))
    )


def _known(said: ImportedFace, names: Collection[str]) -> list[list[float]]:
    if said.points is None:
        return []
    named = zip(KEYPOINT_NAMES, said.points, strict=True)
    return [point for name, point in named if name in names and None not in point]
