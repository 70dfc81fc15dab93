"""Reading what was said of photos."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from collector.models import Participant, Photo
from operations.models import Job

from .flags import chips
from .models import Analysis, Face, MaskedFace, Review


def review_queue(reviewer: User, own: Participant | None) -> QuerySet[Photo]:
    """Photos that wait for this reviewer, oldest first: none they have reviewed, none of their own.

    `own` is the participant whose cookie is in the reviewer's browser; it is looked at now and stored nowhere.
    """
    mine = Review.objects.filter(photo=OuterRef("pk"), reviewer=reviewer, kind=Review.Kind.DECIDE)
    queue = Photo.objects.awaiting_review().exclude(Exists(mine))
    if own is not None:
        queue = queue.exclude(participant=own)
    return queue.select_related("smiley").order_by("created_at", "pk")


def subject_of(photo: Photo) -> Face | None:
    """The face that a photo is about."""
    return Face.objects.filter(photo=photo, is_subject=True).first()


def photo_knowledge(photo: Photo) -> dict[str, Any]:
    """Everything that detectors and workers have to say of a photo, for its page in admin."""
    subject = subject_of(photo)
    analysis = Analysis.objects.filter(photo=photo).first()
    subjects = [str(photo.pk), *(str(face) for face in photo.faces.values_list("pk", flat=True))]
    return {
        "subject": subject,
        "chips": chips(analysis.flags if analysis else {}),
        "faces": photo.faces.order_by("-is_subject"),
        "masked": MaskedFace.objects.filter(face__photo=photo).order_by("-created_at"),
        "reviews": photo.reviews.select_related("reviewer", "smiley").order_by("created_at"),
        "jobs": Job.objects.filter(subject__in=subjects).order_by("created_at"),
    }
