"""The page of one's own photos: how each stands, what would make a better one, and a way to try again."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector.models import Photo, Smiley
from collector.services import photo_decided
from labeling.models import Analysis
from tests.collector.conftest import Browser

DARK = "It is dark. Turn towards a window or a lamp."


@pytest.fixture
def dark(seen_photo: Callable[..., Photo]) -> Photo:
    photo = seen_photo("tongue")
    Analysis.objects.create(photo=photo, flags={"dark": 31.0, "tilted": 20.0}, perceptual_hash=0)
    return photo


def page(photo: Photo, **extra: object) -> str:
    return Browser(photo.participant).get("/photos/", **extra).content.decode()


def test_what_is_wrong_with_a_photo_is_said_with_a_way_to_try_again(dark: Photo) -> None:
    assert DARK in page(dark)
    assert "/booth/?smiley=tongue" in page(dark)
    assert "Темно." in page(dark, headers={"Accept-Language": "ru"})
    assert "Try :P again" in page(dark)


def test_nothing_more_is_asked_of_a_photo_that_was_accepted(dark: Photo) -> None:
    photo_decided(photo=dark, accepted_as=Smiley.objects.get(slug="tongue"))
    assert DARK not in page(dark)
    assert "Try :P again" not in page(dark)


def test_a_photo_that_is_not_used_may_be_made_again(seen_photo: Callable[..., Photo]) -> None:
    photo = seen_photo("wink")
    assert "Try ;) again" not in page(photo)
    photo_decided(photo=photo, accepted_as=None)
    assert "Try ;) again" in page(photo)


def test_more_photos_are_no_more_queries(seen_photo: Callable[..., Photo], dark: Photo) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as made:
            page(dark)
        return len(made)

    page(dark)  # what is looked up once for all
    before = queries()
    for slug in ("wink", "kiss", "grin"):
        Analysis.objects.create(photo=seen_photo(slug, dark.participant), flags={}, perceptual_hash=0)
    assert queries() == before
