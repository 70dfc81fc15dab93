"""What is packed of each photo of a version: by task, in the order of the photos' ids."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery

from labeling.keypoints import keypoints_best_of
from labeling.models import CROP_SIZE, Face, KeypointSet, MaskedFace

from .datasets import items_of
from .models import DatasetVersion, Task
from .pages import pages

#: A model must not learn from what a model said.
TAUGHT_BY = (KeypointSet.Source.HUMAN, KeypointSet.Source.MESH)
_ID_BITS = 128

Points = list[list[float | None]]


class PackItem(NamedTuple):
    """One record of a shard. `files` are its pictures in the storage, as `ml.data.shards` names them."""

    id: str
    participant: str
    split: str
    label: str  # only where smileys are learnt: another label changes nothing for the other tasks
    files: tuple[str, ...]
    points: Points | None = None  # [15][2] in pixels of the packed crop


class _Photo(NamedTuple):
    id: uuid.UUID
    participant: uuid.UUID
    smiley: str
    split: str
    face: uuid.UUID
    crop: str
    transform: Any


def pack_items(version: DatasetVersion, task: str, size: int, *, bits: int, prefix: int) -> list[PackItem]:
    """The records of those photos of a version whose ids begin with these `bits` bits."""
    photos = _photos(version, bits, prefix)
    if task == Task.KEYPOINTS:
        return _with_points(photos, size)
    if task == Task.UNMASK:
        return _with_masks(photos)
    return [_item(photo, (photo.crop,), label=photo.smiley) for photo in photos]


def prefix_of(photo: uuid.UUID, bits: int) -> int:
    return photo.int >> (_ID_BITS - bits)


def inputs_hash(task: str, size: int, items: list[PackItem]) -> str:
    """What identifies a shard: SHA-256 of everything that decides what is in it. Files never change under a name."""
    return hashlib.sha256(json.dumps([task, size, items]).encode()).hexdigest()


def _photos(version: DatasetVersion, bits: int, prefix: int) -> list[_Photo]:
    subject = Face.objects.filter(photo=OuterRef("photo_id"), is_subject=True).exclude(crop="")
    width = _ID_BITS - bits
    first, last = uuid.UUID(int=prefix << width), uuid.UUID(int=((prefix + 1) << width) - 1)
    rows = items_of(version).filter(photo_id__gte=first, photo_id__lte=last)
    facts = rows.values_list(
        "photo_id",
        "photo__participant_id",
        "smiley__slug",
        "split",
        *(Subquery(subject.values(name)) for name in ("pk", "crop", "transform")),
    )
    return [photo for page in pages(facts, "photo_id") for row in page if (photo := _Photo(*row)).crop]


def _item(photo: _Photo, files: tuple[str, ...], *, name: str = "", label: str = "") -> PackItem:
    return PackItem(name or str(photo.id), str(photo.participant), photo.split, label, files)


def _with_masks(photos: list[_Photo]) -> list[PackItem]:
    """A pair for each masked variant of a face."""
    variants: dict[uuid.UUID, list[tuple[str, str]]] = {}
    for some in _by_hundreds([photo.face for photo in photos]):
        rows = MaskedFace.objects.filter(face__in=some)
        for face, image, alpha in rows.values_list("face_id", "image", "alpha"):
            variants.setdefault(face, []).append((image, alpha))
    return [
        _item(photo, (photo.crop, *pair), name=f"{photo.id}#{Path(pair[0]).stem}")
        for photo in photos
        for pair in sorted(variants.get(photo.face, []))
    ]


def _with_points(photos: list[_Photo], size: int) -> list[PackItem]:
    """A human's points, else the mesh's; None where one cannot be seen. Faces without any are left out."""
    best: dict[uuid.UUID, KeypointSet] = {}
    for some in _by_hundreds([photo.face for photo in photos]):
        best |= keypoints_best_of(some, among=TAUGHT_BY)
    return [
        _item(photo, (photo.crop,))._replace(points=_in_crop(best[photo.face], photo.transform, size))
        for photo in photos
        if photo.face in best
    ]


def _in_crop(found: KeypointSet, transform: Any, size: int) -> Points:
    from ml.geometry import Similarity
    from ml.metrics import scaled_points

    points = scaled_points(Similarity.from_list(transform).apply(found.points), CROP_SIZE, size).tolist()
    return [
        [float(x), float(y)] if seen else [None, None]
        for (x, y), seen in zip(points, found.visible, strict=True)
    ]


def _by_hundreds(faces: list[uuid.UUID]) -> list[list[uuid.UUID]]:
    return [faces[start : start + 500] for start in range(0, len(faces), 500)]
