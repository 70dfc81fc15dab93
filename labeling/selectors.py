"""Reading what was said of photos."""

from typing import Any

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
    analysis = Analysis.objects.filter(photo=photo).first()
    found = chips(analysis.flags if analysis else {})
    own: dict[bool, list[int]] = {True: [], False: []}
    for same, bits in near_duplicates(photo).values_list("same_participant", "bits"):
        own[same].append(bits)
    for same, one, several in (
        (True, "nearly another photo of this person", "nearly {} other photos of this person"),
        (False, "nearly a photo of somebody else", "nearly {} photos of other people"),
    ):
        if count := len(own[same]):
            found.append(
                Chip(one if count == 1 else several.format(count), min(own[same]), "of 64 bits apart")
            )
    return found


def photo_knowledge(photo: Photo) -> dict[str, Any]:
    """Everything that detectors and workers have to say of a photo, for its page in admin."""
    subject = subject_of(photo)
    pairs = near_duplicates(photo)[:NEAR_SHOWN]
    subjects = [str(photo.pk), *(str(face) for face in photo.faces.values_list("pk", flat=True))]
    return {
        "subject": subject,
        "chips": photo_chips(photo),
        "near": [(pair, pair.other_than(photo)) for pair in pairs],
        "faces": photo.faces.order_by("-is_subject"),
        "masked": MaskedFace.objects.filter(face__photo=photo).order_by("-created_at"),
        "reviews": photo.reviews.select_related("reviewer", "smiley").order_by("created_at"),
        "jobs": Job.objects.filter(subject__in=subjects).order_by("created_at"),
    }
