"""What reviewers are shown: of a photo, and of what they said."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from collector.models import Photo

from .flags import Chip
from .models import Face, Review
from .selectors import photos_chips
from .services import UNDO

LAST_GIVEN = 10


def photo_cards(photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """Photos as PhotoCardSerializer has them, with three queries for all. Nothing in it tells what others said."""
    faces = {face.photo_id: face for face in Face.objects.filter(photo__in=photos, is_subject=True)}
    chips = photos_chips(photos)
    return [_card(photo, faces.get(photo.pk), chips[photo.pk]) for photo in photos]


def _card(photo: Photo, face: Face | None, chips: list[Chip]) -> dict[str, Any]:
    return {
        "photo": photo.pk,
        "smiley": photo.smiley.slug,
        "image": reverse("photo-image", args=[photo.pk]),
        "crop": reverse("face-crop", args=[face.pk]) if face is not None and face.crop else None,
        "width": photo.width,
        "height": photo.height,
        "outline": face.crop_outline() if face is not None and face.crop else None,
        "flags": [chip.label for chip in chips],
    }


def reviews_given(reviewer: User) -> QuerySet[Review]:
    """The last ten verdicts of this reviewer that they may still take back, newest first."""
    mine = Review.objects.standing().filter(
        reviewer=reviewer, created_at__gte=timezone.now() - UNDO, revealed_at=None
    )
    return mine.select_related("smiley").order_by("-created_at", "-pk")[:LAST_GIVEN]


def in_words(review: Review) -> str:
    """A verdict as people say it: `is another smiley: :D`."""
    detail = review.smiley.glyph if review.smiley else review.get_reason_display()
    return f"{review.get_verdict_display()}: {detail}" if detail else review.get_verdict_display()
