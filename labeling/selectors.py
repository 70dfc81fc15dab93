"""Reading what was said of photos."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from collector.models import Photo
from operations.models import Job

from .flags import Chip, chips
from .models import Analysis, Face, MaskedFace, NearDuplicate

NEAR_SHOWN = 24


def subject_of(photo: Photo) -> Face | None:
    """The face that a photo is about."""
    return Face.objects.filter(photo=photo, is_subject=True).first()


def near_duplicates(photo: Photo) -> QuerySet[NearDuplicate]:
    """The pairs of nearly the same photos that one stands in, nearest first."""
    pairs = NearDuplicate.objects.filter(Q(photo=photo) | Q(other=photo))
    return pairs.select_related("photo", "other").order_by("difference")


def photo_chips(photo: Photo) -> list[Chip]:
    """What reviewers are told of a photo's quality: its flags, and whose photos it is nearly the same as."""
    return photos_chips([photo])[photo.pk]


def photos_chips(photos: Sequence[Photo]) -> dict[UUID, list[Chip]]:
    """The chips of many photos by their ids, with two queries for all."""
    ids = [photo.pk for photo in photos]
    flags = dict(Analysis.objects.filter(photo__in=ids).values_list("photo", "flags"))
    near: dict[UUID, dict[bool, list[int]]] = {pk: {True: [], False: []} for pk in ids}
    pairs = NearDuplicate.objects.filter(Q(photo__in=ids) | Q(other__in=ids))
    for one, other, same, bits in pairs.values_list("photo", "other", "same_participant", "bits"):
        for pk in {one, other} & near.keys():
            near[pk][same].append(bits)
    return {pk: [*chips(flags.get(pk, {})), *_near_chips(near[pk])] for pk in ids}


def _near_chips(near: dict[bool, list[int]]) -> Iterator[Chip]:
    for same, one, several in (
        (True, "nearly another photo of this person", "nearly {} other photos of this person"),
        (False, "nearly a photo of somebody else", "nearly {} photos of other people"),
    ):
        if count := len(near[same]):
            yield Chip(one if count == 1 else several.format(count), min(near[same]), "of 64 bits apart")


def photo_knowledge(photo: Photo) -> dict[str, Any]:
    """Everything that detectors and workers have to say of a photo, for its page in admin."""
    # Drawing needs vision libraries, and so is loaded only where it is asked for.
    from ml.masks.styles import STYLES

    subject = subject_of(photo)
    pairs = near_duplicates(photo)[:NEAR_SHOWN]
    subjects = [str(photo.pk), *(str(face) for face in photo.faces.values_list("pk", flat=True))]
    return {
        "subject": subject,
        "chips": photo_chips(photo),
        "near": [(pair, pair.other_than(photo)) for pair in pairs],
        "faces": photo.faces.order_by("-is_subject"),
        "styles": list(STYLES),
        "masked": MaskedFace.objects.filter(face__photo=photo).order_by("-created_at"),
        "reviews": photo.reviews.select_related("reviewer", "smiley").order_by("created_at"),
        "jobs": Job.objects.filter(subject__in=subjects).order_by("created_at"),
    }
