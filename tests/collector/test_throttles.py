"""How often somebody may ask: people together behind one address, and one person on many pages."""

from typing import Any

import pytest

from collector.models import Participant, Photo
from collector.selectors import consent_text_current
from operations.throttling import (
    AddressUploadThrottle,
    ParticipantThrottle,
    UploadThrottle,
    VisitorThrottle,
)

from .conftest import Browser
from .test_upload_api import PHOTOS, fields
from .test_withdrawal import newcomer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("counting_cache", "private_folder")]


def limit(monkeypatch: pytest.MonkeyPatch, throttle: type, rate: str) -> None:
    monkeypatch.setattr(throttle, "rate", rate, raising=False)


def neighbour(browser: Browser) -> Browser:
    """Somebody else behind the same address."""
    other = Browser(newcomer())
    other.client.defaults["REMOTE_ADDR"] = browser.client.defaults["REMOTE_ADDR"]
    return other


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("/consent/", {}),
        ("/consent/change/", {"scope": "share_in_release"}),
        ("/photos/{photo}/delete/", {}),
        ("/receipt/new/", {}),
        ("/withdraw/", {}),
    ],
)
def test_posting_to_a_page_is_throttled_and_reading_is_not(
    browser: Browser, photo: Photo, address: str, sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, VisitorThrottle, "1/hour")
    browser.token = browser.csrf_token()
    refused = browser.post(address.format(photo=photo.pk), sent)
    assert refused.status_code == 429
    assert "Wait a minute" in refused.content.decode()
    assert int(refused.headers["Retry-After"]) > 60
    assert [browser.get("/photos/").status_code for _ in range(3)] == [200] * 3
    assert Photo.objects.get() == photo


def test_a_form_with_a_mistake_does_not_use_up_a_newcomers_place(
    stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, ParticipantThrottle, "1/hour")
    whole = {"text": consent_text_current("en").pk, "age": "on", "train": "on"}
    for _ in range(2):
        assert stranger.post("/consent/", {**whole, "age": ""}).status_code == 422
    assert stranger.post("/consent/", whole).status_code == 302
    stranger.client.cookies.pop("__Host-participant")
    assert stranger.post("/consent/", whole).status_code == 429
    assert Participant.objects.count() == 1


def test_people_behind_one_address_do_not_use_up_each_others_requests(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = neighbour(browser)
    limit(monkeypatch, VisitorThrottle, "2/hour")
    assert [browser.get(PHOTOS).status_code for _ in range(3)] == [200, 200, 429]
    assert other.get(PHOTOS).status_code == 200


def test_uploads_are_throttled_by_person_and_by_address(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, elsewhere = neighbour(browser), Browser(newcomer())
    limit(monkeypatch, UploadThrottle, "2/hour")
    limit(monkeypatch, AddressUploadThrottle, "3/hour")
    assert [browser.post(PHOTOS, fields()).status_code for _ in range(3)] == [201, 201, 429]
    # What was refused for the person counts for the address, too.
    assert other.post(PHOTOS, fields()).status_code == 429
    assert elsewhere.post(PHOTOS, fields()).status_code == 201
