"""The whole way, again and again: what works nineteen times of twenty does not work."""

import io
from collections.abc import Callable

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import agree, take_photos
from tests.browser.test_volunteer import FACE, overlap
from tests.conftest import LiveSite

TIMES = 20


@pytest.fixture(scope="session")
def reviewer(live_site: LiveSite) -> httpx.Client:
    """A browser in which a reviewer is signed in."""
    live_site.manage(
        *("shell", "-v0", "-c"),
        "from django.contrib.auth.models import Group, User;"
        "User.objects.create_user('rita', password='correct horse', is_staff=True)"
        ".groups.add(Group.objects.get(name='reviewer'))",
    )
    client = live_site.client()
    client.get("/admin/login/")
    token = client.cookies["__Host-csrftoken"]
    form = {"username": "rita", "password": "correct horse", "csrfmiddlewaretoken": token}
    assert client.post("/admin/login/", data=form).status_code == 302
    return client


@pytest.mark.parametrize("time", range(TIMES))
def test_from_consent_to_a_crop_that_only_owner_and_staff_see(
    visit: Callable[..., Page], browser: Browser, live_site: LiveSite, reviewer: httpx.Client, time: int
) -> None:
    page = visit(browser)
    page.get_by_role("link", name="Make some faces").click()
    agree(page)
    take_photos(page)
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_role("heading", name="Sent. Thank you!")).to_be_visible()
    expect(page.get_by_text("We found your face.")).to_be_visible()

    (sent,) = page.request.get("/api/v1/photos/").json()["results"]
    (face,) = page.request.get(f"/api/v1/photos/{sent['id']}/").json()["faces"]
    assert overlap(face["box"], FACE) >= 0.5
    crop = Image.open(io.BytesIO(page.request.get(face["crop"]).body()))
    assert crop.size == (256, 256)
    stranger = visit(browser)
    with live_site.client() as nobody:
        for url in (face["crop"], sent["image"]):
            assert reviewer.get(url).status_code == 200
            assert nobody.get(url).status_code == 404
            assert stranger.request.get(url).status == 404
