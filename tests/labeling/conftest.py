import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from collector.models import Participant, Photo, Scope, Smiley
from collector.selectors import consent_text_current
from collector.services import consent_give, photo_processed, photo_submit
from labeling.models import Face
from tests.collector.pictures import jpeg_of
from tests.operations.conftest import quick_passwords

__all__ = ["quick_passwords"]


def newcomer() -> Participant:
    text = consent_text_current("en")
    return consent_give(participant=None, text=text, scopes=Scope.values, age_affirmed=True).participant


@pytest.fixture
def seen_photo(private_folder: Path, db: None) -> Callable[..., Photo]:
    """Make a photo in which the detectors have found a face."""

    def make(slug: str = "tongue", participant: Participant | None = None, **facts: Any) -> Photo:
        photo, _ = photo_submit(
            participant=participant or newcomer(),
            smiley=Smiley.objects.get(slug=slug),
            client_id=uuid.uuid4(),
            data=jpeg_of(),
        )
        photo_processed(photo=photo, face_found=True)
        face_of(photo)
        if facts:
            Photo.objects.filter(pk=photo.pk).update(**facts)
        photo.refresh_from_db()
        return photo

    return make


def face_of(photo: Photo) -> Face:
    crop = default_storage.save(Face.crop_name(timezone.now()), ContentFile(jpeg_of()))
    numbers = dict.fromkeys(("x", "y", "width", "height", "score", "yaw", "pitch", "roll"), 1.0)
    return Face.objects.create(
        photo=photo,
        is_subject=True,
        crop=crop,
        sharpness=1,
        brightness=1,
        transform=[[1, 0, 0], [0, 1, 0]],
        **numbers,
    )
