"""Of photos that are nearly the same, staff keep one, all or none."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from collector.models import Photo
from operations.audit import audit_record
from operations.problems import Problem

from .models import DroppedDuplicate, NearDuplicate
from .services import decision_update

SHOWN = 12  # photos of a group at once; what is left comes back as another group
_GROUPS = 8


@dataclass(frozen=True)
class Group:
    """Photos tied together by pairs on which nobody has ruled yet, the earliest first."""

    photos: list[Photo]
    people: int
    bits: int


def groups_waiting(at_most: int = _GROUPS) -> list[Group]:
    """The groups of the newest pairs on which nobody has ruled. A photo stands in one group."""
    newest = NearDuplicate.objects.filter(ruled_at=None).order_by("-found_at", "-id")
    taken: set[uuid.UUID] = set()
    groups: list[tuple[set[uuid.UUID], int]] = []
    for pair in newest.values_list("photo_id", "other_id")[: at_most * SHOWN]:
        if len(groups) == at_most:
            break
        if taken & set(pair):
            continue
        members, bits = _tied(set(pair))
        if not taken & members:
            groups.append((members, bits))
            taken |= members
    photos = Photo.objects.select_related("smiley").in_bulk(taken)
    found = []
    for members, bits in groups:
        there = sorted(
            (photos[pk] for pk in members if pk in photos), key=lambda photo: (photo.created_at, photo.pk)
        )
        found.append(Group(there, len({photo.participant_id for photo in there}), bits))
    return [group for group in found if len(group.photos) > 1]


def _tied(members: set[uuid.UUID]) -> tuple[set[uuid.UUID], int]:
    """All that hang together, up to SHOWN, and by how many bits the nearest of them differ."""
    bits = 64
    while True:
        pairs = NearDuplicate.objects.filter(
            Q(photo__in=members) | Q(other__in=members), ruled_at=None
        ).values_list("photo_id", "other_id", "bits")[: SHOWN * SHOWN]
        grown = set(members)
        for photo, other, apart in pairs:
            if len(grown | {photo, other}) <= SHOWN:
                grown |= {photo, other}
                bits = min(bits, apart)
        if grown == members:
            return members, bits
        members = grown


@transaction.atomic
def duplicates_rule(*, photos: Collection[uuid.UUID], keep: Collection[uuid.UUID], reviewer: User) -> int:
    """Keep these of a group of photos that were shown together, and drop the others. Returns how many were dropped.

    A kept photo goes on as it was; two that are kept count as different. Raises Problem: group_unknown,
    group_changed.
    """
    shown = set(photos)
    if len(shown) < 2 or not set(keep) <= shown:
        raise Problem("group_unknown", "Keep some of the photos that are shown together.")
    locked = list(
        Photo.objects.select_for_update(of=("self",))
        .select_related("smiley")
        .filter(pk__in=shown)
        .order_by("pk")
    )
    pairs = NearDuplicate.objects.filter(photo__in=shown, other__in=shown, ruled_at=None)
    if len(locked) < len(shown) or not pairs.exists():
        raise Problem(
            "group_changed",
            "Somebody ruled on these photos meanwhile, or one was withdrawn: look at what is left.",
            status=409,
        )
    pairs.filter(photo__in=keep, other__in=keep).update(differ=True)
    pairs.update(ruled_at=timezone.now())
    actor = f"staff:{reviewer.get_username()}"
    dropped = [photo for photo in locked if photo.pk not in set(keep)]
    for photo in dropped:
        DroppedDuplicate.objects.get_or_create(photo=photo, defaults={"dropped_by": reviewer})
        decision_update(photo=photo)
        audit_record(actor=actor, action="duplicate_dropped", subject=f"photo:{photo.pk}")
    for photo in locked:
        if photo not in dropped:
            audit_record(actor=actor, action="duplicate_kept", subject=f"photo:{photo.pk}")
    return len(dropped)
