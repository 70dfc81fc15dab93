"""Reading what was said of photos."""

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from collector.models import Participant, Photo

from .models import Face, Review


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
