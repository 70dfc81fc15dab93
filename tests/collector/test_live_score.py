"""The live score comes in with a photo, as a fact and no more."""

import pytest
from django.db import IntegrityError

from collector.models import Photo

from .conftest import Browser
from .test_upload_api import PHOTOS, fields

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("private_folder")]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(None, None), ("0.8712", 0.8712), ("0", 0.0), ("1", 1.0)]
    + [(text, None) for text in ("", "much", "nan", "inf", "-0.1", "1.01", "0.5\0")],
)
def test_a_share_is_kept_and_anything_else_left_out(
    browser: Browser, sent: str | None, kept: float | None
) -> None:
    answer = browser.post(PHOTOS, fields(live_score=sent))
    assert answer.status_code == 201
    photo = Photo.objects.get()
    assert photo.live_score == kept
    assert answer.json()["live_score"] == kept
    assert photo.accepted_as is None  # never a label


def test_the_database_takes_only_shares(photo: Photo) -> None:
    with pytest.raises(IntegrityError):
        Photo.objects.filter(pk=photo.pk).update(live_score=1.5)
