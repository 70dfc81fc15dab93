"""The bytes of photos: who gets them, and under which headers."""

import uuid
from typing import Any

import pytest

from collector.models import Photo
from collector.selectors import consent_text_current
from collector.services import consent_give, photo_decided
from operations.models import AuditEvent

from .conftest import Browser
from .pictures import decoded

LOGIN = "django.contrib.auth.backends.ModelBackend"


def image(photo: Photo) -> str:
    return f"/photos/{photo.pk}/image/"


def test_owner_gets_the_photo_under_headers_that_keep_it_private(browser: Browser, photo: Photo) -> None:
    answer = browser.get(image(photo))
    assert answer.status_code == 200
    assert decoded(b"".join(answer.streaming_content)).size == (photo.width, photo.height)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Length"] == str(photo.size)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not AuditEvent.objects.exists(), "looking at one's own photo is nobody's business"


def test_nobody_else_learns_that_it_exists(stranger: Browser, photo: Photo) -> None:
    text = consent_text_current("en")
    somebody = consent_give(participant=None, text=text, scopes=["train"], age_affirmed=True).participant
    missing = stranger.get(f"/photos/{uuid.uuid4()}/image/")
    assert missing.status_code == 404
    for visitor in (stranger, Browser(somebody)):
        answer = visitor.get(image(photo))
        assert answer.status_code == 404
        assert answer.content == visitor.get(f"/photos/{uuid.uuid4()}/image/").content


@pytest.mark.parametrize("role", ["reviewer", "manager"])
def test_looks_of_staff_are_logged(stranger: Browser, photo: Photo, staff: Any, role: str) -> None:
    stranger.client.force_login(staff("alice", role=role), backend=LOGIN)
    assert stranger.get(image(photo)).status_code == 200
    event = AuditEvent.objects.get()
    assert (event.actor, event.action, event.subject) == ("staff:alice", "photo_viewed", f"photo:{photo.pk}")


def test_staff_without_a_role_see_nothing(stranger: Browser, photo: Photo, staff: Any) -> None:
    stranger.client.force_login(staff("alice"), backend=LOGIN)
    assert stranger.get(image(photo)).status_code == 404


def test_example_is_shown_to_everybody_only_while_it_is_one(
    stranger: Browser, photo: Photo, participant: Any
) -> None:
    examples = f"/api/v1/smileys/{photo.smiley.slug}/examples/"
    assert stranger.get(examples).json() == []
    photo_decided(photo=photo, accepted_as=photo.smiley)
    assert stranger.get(examples).json() == [{"photo": str(photo.pk), "image": image(photo)}]
    assert stranger.get(image(photo)).status_code == 200
    consent_give(
        participant=participant, text=consent_text_current("en"), scopes=["train"], age_affirmed=True
    )
    assert stranger.get(examples).json() == []
    assert stranger.get(image(photo)).status_code == 404


def test_example_is_of_the_smiley_it_was_accepted_as(stranger: Browser, photo: Photo) -> None:
    from collector.models import Smiley

    photo_decided(photo=photo, accepted_as=Smiley.objects.get(slug="grin"))
    assert stranger.get(f"/api/v1/smileys/{photo.smiley.slug}/examples/").json() == []
    assert len(stranger.get("/api/v1/smileys/grin/examples/").json()) == 1
    assert stranger.get("/api/v1/smileys/nonsense/examples/").status_code == 404


def test_photo_whose_file_is_gone_is_not_found(browser: Browser, photo: Photo, private_folder: Any) -> None:
    (private_folder / photo.file).unlink()
    assert browser.get(image(photo)).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_photos_are_only_read(browser: Browser, photo: Photo, method: str) -> None:
    assert browser.request(method, image(photo)).status_code == 405
