"""The fifteen keypoints of a face: a model proposes them, a human places them, and a human's win."""

import math
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from collector.models import Photo
from operations.audit import audit_record
from operations.problems import Problem

from .models import CROP_SIZE, Face, KeypointDoubt, KeypointSet

POINTS = 15
_BEST_FIRST = (KeypointSet.Source.HUMAN, KeypointSet.Source.MODEL, KeypointSet.Source.MESH)

Points = Sequence[Sequence[float]]


def keypoints_best(face: Face) -> KeypointSet | None:
    """A human's set of a face, else a model's, else the mesh's. Costs nothing where the sets were prefetched."""
    return min(face.keypoint_sets.all(), key=_rank, default=None)


def keypoints_best_of(
    faces: Collection[uuid.UUID], among: Collection[str] = _BEST_FIRST
) -> dict[uuid.UUID, KeypointSet]:
    """The same of many faces, by face, taking sets of these sources only. Faces without any are left out."""
    sets = KeypointSet.objects.filter(face__in=faces, source__in=among)
    # The best one comes last, and stays.
    return {found.face_id: found for found in sorted(sets, key=_rank, reverse=True)}


def _rank(found: KeypointSet) -> int:
    return _BEST_FIRST.index(KeypointSet.Source(found.source))


@transaction.atomic
def keypoints_place(
    *, face: Face, points: Points, visible: Sequence[bool], reviewer: User, seen: datetime | None = None
) -> KeypointSet:
    """Keep what a human says of a face, in pixels of its crop. `seen` is when the human's set was made that they
    looked at and correct; without it there has to be none.

    Raises Problem: face_gone, keypoints_incomplete, keypoint_outside, keypoints_changed.
    """
    current = _lock(face)
    _check(points, visible)
    before = KeypointSet.objects.filter(face=current, source=KeypointSet.Source.HUMAN).first()
    if before is not None and before.created_at != seen:
        raise Problem(
            "keypoints_changed",
            "Somebody placed the points of this face meanwhile: load it again to see theirs.",
            status=409,
        )
    placed = KeypointSet.objects.update_or_create(
        face=current,
        source=KeypointSet.Source.HUMAN,
        defaults={
            "points": _to_photo(current, points),
            "visible": [bool(one) for one in visible],
            "created_at": timezone.now(),
        },
    )[0]
    KeypointDoubt.objects.filter(face=current).delete()
    audit_record(
        actor=f"staff:{reviewer.get_username()}",
        action="keypoints_placed",
        subject=f"photo:{current.photo_id}",
        face=str(current.pk),
        before=before.points if before else None,
    )
    return placed


@transaction.atomic
def keypoints_propose(*, face: Face, points: Points, visible: Sequence[bool]) -> KeypointSet:
    """Keep what the keypoint model says of a face, in pixels of its photo, and how far that is from the mesh.

    Raises Problem: face_gone, keypoints_incomplete.
    """
    current = _lock(face)
    _check_shape(points, visible)
    proposed = KeypointSet.objects.update_or_create(
        face=current,
        source=KeypointSet.Source.MODEL,
        defaults={
            "points": [list(point) for point in points],
            "visible": list(visible),
            "created_at": timezone.now(),
        },
    )[0]
    mesh = KeypointSet.objects.filter(face=current, source=KeypointSet.Source.MESH).first()
    human = KeypointSet.objects.filter(face=current, source=KeypointSet.Source.HUMAN)
    if mesh is not None and not human.exists():
        apart = _apart(_to_crop(current, mesh.points), _to_crop(current, points))
        KeypointDoubt.objects.update_or_create(face=current, defaults={"difference": apart})
    return proposed


def face_proposed(skip: int = 0) -> Face | None:
    """The face that a human's points are worth most for: where mesh and model are farthest apart; when that is none,
    the newest accepted photo's. `skip` so many of them."""
    doubts = KeypointDoubt.objects.exclude(face__crop="").exclude(face__photo__state=Photo.State.HIDDEN)
    doubtful = list(doubts.select_related("face__photo").order_by("-difference", "face_id")[skip : skip + 1])
    if doubtful:
        return doubtful[0].face
    human = KeypointSet.objects.filter(face=OuterRef("pk"), source=KeypointSet.Source.HUMAN)
    others = Face.objects.filter(
        is_subject=True, photo__state=Photo.State.ACCEPTED, keypoint_doubt__isnull=True
    )
    left = others.exclude(crop="").exclude(Exists(human)).select_related("photo")
    after = max(skip - doubts.count(), 0)
    return left.order_by("-photo__created_at", "pk")[after : after + 1].first()


def face_sheet(face: Face) -> dict[str, Any]:
    """All that the editor needs, in pixels of the crop: the sets by source, and when the human's was made."""
    from ml.landmarks import KEYPOINT_NAMES

    found_sets = sorted(face.keypoint_sets.all(), key=_rank)
    sets = {found.source: found for found in found_sets}
    human = sets.get(KeypointSet.Source.HUMAN)
    return {
        "face": str(face.pk),
        "size": CROP_SIZE,
        "names": list(KEYPOINT_NAMES),
        "sets": {
            source: {"points": _to_crop(face, _filled(face, found, found_sets)), "visible": found.visible}
            for source, found in sets.items()
        },
        "seen": human.created_at.isoformat() if human else None,
    }


def _filled(face: Face, found: KeypointSet, others: Sequence[KeypointSet]) -> Points:
    """A set's points; one that an import left blank where another set has it, else in the middle of the face."""
    middle = [face.x + face.width / 2, face.y + face.height / 2]
    places = zip(found.points, *(one.points for one in others), strict=True)
    return [next((place for place in known if None not in place), middle) for known in places]


def _lock(face: Face) -> Face:
    # The photo, as everybody does who writes what is known of it.
    photo = Photo.objects.select_for_update(of=("self",)).filter(faces=face.pk).first()
    current = Face.objects.filter(pk=face.pk).first() if photo else None
    if current is None:
        raise Problem("face_gone", "This photo was withdrawn: go on with the next.", status=404)
    return current


def _check(points: Points, visible: Sequence[bool]) -> None:
    from ml.landmarks import KEYPOINT_NAMES

    _check_shape(points, visible)
    for name, (x, y) in zip(KEYPOINT_NAMES, points, strict=True):
        if not (0 <= x <= CROP_SIZE and 0 <= y <= CROP_SIZE):
            raise Problem(
                "keypoint_outside",
                f"{name.replace('_', ' ')} is at {x:.1f}, {y:.1f}, outside the crop of {CROP_SIZE} × {CROP_SIZE}"
                " pixels: move it inside, and say that it is not visible where it lies beyond.",
                keypoint=name,
            )


def _check_shape(points: Points, visible: Sequence[bool]) -> None:
    pairs = all(len(point) == 2 and all(math.isfinite(value) for value in point) for point in points)
    if len(points) != POINTS or len(visible) != POINTS or not pairs:
        raise Problem(
            "keypoints_incomplete", f"A face has {POINTS} keypoints x, y, and as many marks of visibility."
        )


def _to_crop(face: Face, points: Points) -> list[list[float]]:
    from ml.geometry import Similarity

    carried = Similarity.from_list(face.transform).apply(points)
    return [[round(float(x), 2), round(float(y), 2)] for x, y in carried]


def _to_photo(face: Face, points: Points) -> list[list[float]]:
    from ml.geometry import Similarity

    carried = Similarity.from_list(face.transform).inverse().apply(points)
    return [[round(float(x), 3), round(float(y), 3)] for x, y in carried]


def _apart(one: Points, other: Points) -> float:
    distances = [math.dist(a, b) for a, b in zip(one, other, strict=True)]
    return sum(distances) / len(distances) / CROP_SIZE
