"""What an export tells of each photo, read page by page: the same facts under the same ids in every format."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from collector.models import Photo, Scope
from labeling.keypoints import keypoints_best_of
from labeling.models import Face, MaskedFace

from ..models import DatasetItem
from ..pages import pages

PAGE = 500
_MEASURED = ("x", "y", "width", "height", "score", "yaw", "pitch", "roll", "sharpness", "brightness")


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Fifteen points in pixels of the photo, in Kaggle's order; None where nobody placed one."""

    source: str
    points: list[list[float | None]]
    visible: list[bool]


@dataclass(frozen=True, slots=True)
class Masked:
    """The face's crop with a synthetic mask on; names in the storage."""

    style: str
    seed: int
    image: str
    alpha: str


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """Pixels of the photo, degrees."""

    x: float
    y: float
    width: float
    height: float
    score: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    brightness: float
    flags: list[str]
    crop: str
    transform: list[list[float]]
    keypoints: Keypoints | None = None
    masked: list[Masked] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sample:
    id: str
    participant: str
    smiley: str
    split: str
    file: str
    sha256: str
    size: int
    width: int
    height: int
    scopes: list[str]
    source: str
    face: FaceFacts | None


def samples(
    items: "QuerySet[DatasetItem]", *, masks: bool = False, size: int = PAGE
) -> Iterator[list[Sample]]:
    """Samples in the order of their ids, a page at a time; masked faces only where they are wanted."""
    photo = Photo.objects.filter(pk=OuterRef("photo_id"))
    allowed = items.annotate(
        shown=Exists(photo.allowed_by(Scope.SHOW_AS_EXAMPLE)),
        shared=Exists(photo.allowed_by(Scope.SHARE_IN_RELEASE)),
    )
    about = ("file", "sha256", "size", "width", "height", "import_batch__source")
    rows = allowed.values_list(
        "photo_id",
        "photo__participant_id",
        "smiley__slug",
        "split",
        *(f"photo__{name}" for name in about),
        "shown",
        "shared",
    )
    for page in pages(rows, "photo_id", size=size):
        faces = _faces([row[0] for row in page], masks)
        yield [_sample(row, faces.get(row[0])) for row in page]


def _sample(row: tuple[Any, ...], face: FaceFacts | None) -> Sample:
    photo, participant, smiley, split, file, sha256, size, width, height, source, shown, shared = row
    scopes = [Scope.TRAIN.value] if source is None else []
    scopes += [
        scope.value
        for scope, given in ((Scope.SHOW_AS_EXAMPLE, shown), (Scope.SHARE_IN_RELEASE, shared))
        if given
    ]
    return Sample(
        str(photo),
        str(participant),
        smiley,
        split,
        file,
        sha256,
        size,
        width,
        height,
        scopes,
        source or "",
        face,
    )


def _faces(photos: list[uuid.UUID], masks: bool) -> dict[uuid.UUID, FaceFacts]:
    """By photo: its subject, with the best keypoints that there are."""
    subjects = Face.objects.filter(photo__in=photos, is_subject=True).exclude(crop="")
    rows = list(subjects.values_list("photo_id", "pk", *_MEASURED, "flags", "crop", "transform"))
    faces = [row[1] for row in rows]
    keypoints, masked = _keypoints(faces), _masked(faces) if masks else {}
    return {photo: _face(facts, keypoints.get(face), masked.get(face, [])) for photo, face, *facts in rows}


def _face(facts: list[Any], keypoints: Keypoints | None, masked: list[Masked]) -> FaceFacts:
    *measured, flags, crop, transform = facts
    return FaceFacts(
        **dict(zip(_MEASURED, measured, strict=True)),
        flags=sorted(flags),
        crop=crop,
        transform=transform,
        keypoints=keypoints,
        masked=masked,
    )


def _keypoints(faces: list[uuid.UUID]) -> dict[uuid.UUID, Keypoints]:
    best = keypoints_best_of(faces)
    return {face: Keypoints(found.source, found.points, found.visible) for face, found in best.items()}


def _masked(faces: list[uuid.UUID]) -> dict[uuid.UUID, list[Masked]]:
    rows = MaskedFace.objects.filter(face__in=faces).order_by("style", "seed")
    masked: defaultdict[uuid.UUID, list[Masked]] = defaultdict(list)
    for face, style, seed, image, alpha in rows.values_list("face_id", "style", "seed", "image", "alpha"):
        masked[face].append(Masked(style, seed, image, alpha))
    return masked
