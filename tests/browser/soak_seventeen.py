"""All seventeen, in every language and on every screen; and a hundred photos through a line that loses a third."""

import io
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from .conftest import LAPTOP, PHONE, agree
from .test_languages import LANGUAGES, looks_right
from .test_volunteer import _choose_picture, _tab_to

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

Visit = Callable[..., Page]

PHOTOS = 100
ANSWER_LOST, REFUSED, REFUSED_AFTER_ALL = 0.3, 0.2, 0.1  # shares of the requests


def sent(page: Page) -> list[dict[str, Any]]:
    """All photos of this browser, as the API lists them."""
    found: list[dict[str, Any]] = []
    address = "/api/v1/photos/"
    while address:
        answer = page.request.get(address).json()
        found += answer["results"]
        address = answer["next"]
    return found


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["360", "1440"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_all_seventeen(visit: Visit, browser: Browser, language: str, size: Any) -> None:
    page = visit(browser, viewport=size, locale=LANGUAGES[language])
    looks_right(page, language)
    page.locator(".hero a.main").click()
    page.locator("#id_age").check()
    page.locator("#id_train").check()
    looks_right(page, language)
    page.locator(".boxes button.main").click()
    for done in range(17):
        expect(page.locator("[data-count]")).to_have_text(re.compile(rf"^{done}\D+17$"))
        page.locator("[data-action=open]:visible").first.click()
        expect(page.locator("[data-action=shoot]")).to_be_visible()
        page.locator("[data-action=shoot]").click()
        expect(page.locator(".frame")).to_have_count(3)
        looks_right(page, language)
        page.keyboard.press("1")
        page.keyboard.press("3")
        page.locator("[data-send]").click()
        expect(page.locator(".sent-card[data-face=found]")).to_have_count(1)
        looks_right(page, language)
    expect(page.locator("[data-finished=done]").first).to_be_focused()
    expect(page.locator(".seventeen .cell.done")).to_have_count(17)
    photos = sent(page)
    assert len(photos) == len({photo["smiley"] for photo in photos}) == 17
    page.goto("/photos/")
    expect(page.locator(".photo")).to_have_count(17)
    looks_right(page, language)


def test_all_seventeen_by_keyboard_alone(visit: Visit, browser: Browser) -> None:
    page = visit(browser, viewport=LAPTOP)
    press = page.keyboard.press
    _tab_to(page, "Make some faces")
    press("Enter")
    expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()
    for name, key in (("or older", "Space"), ("train the networks", "Space"), ("I agree", "Enter")):
        _tab_to(page, name)
        press(key)
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    for done in range(17):
        expect(page.get_by_text(f"{done} of 17")).to_be_visible()
        _tab_to(page, "Open the camera")
        press("Enter")
        expect(page.get_by_role("button", name="Take three photos")).to_be_focused()
        press("Space")
        expect(page.locator(".frame")).to_have_count(3)
        press("2")
        press("3")
        press("Enter")
        expect(page.get_by_text("We found your face.")).to_be_visible()
    expect(page.get_by_role("heading", name="All of them. You are magnificent.")).to_be_focused()
    assert len(sent(page)) == 17


def test_a_hundred_photos_through_a_bad_line_are_a_hundred_rows(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/", viewport=LAPTOP)
    agree(page)
    dice = random.Random(4)
    fates: list[str] = []

    def line(route: Route) -> None:
        roll = dice.random()
        if roll < ANSWER_LOST:
            fates.append("answer lost")
            route.fetch()
            return route.abort()
        if roll < ANSWER_LOST + REFUSED:
            fates.append("refused")
            return route.fulfill(status=500, body="broken")
        if roll < ANSWER_LOST + REFUSED + REFUSED_AFTER_ALL:
            fates.append("refused after all")
            route.fetch()
            return route.fulfill(status=500, body="broken")
        fates.append("through")
        return route.continue_()

    page.route("**/api/v1/photos/", line)
    cells = page.locator("[data-seventeen] [data-slug]")
    for number in range(PHOTOS):
        cells.nth(number % 17).click()
        _choose_picture(page, small(astronaut, number))
        page.get_by_role("button", name="Send 1").click()
        expect(page.locator("[data-booth]")).to_have_attribute("data-state", re.compile("prompt|finished"))
    unsent = page.locator(".sent-card:not([data-state=sent])")
    expect(unsent).to_have_count(0, timeout=400_000)
    expect(page.get_by_role("heading", name="Sent. Thank you!")).to_be_visible()
    page.unroute("**/api/v1/photos/")
    photos = sent(page)
    print({fate: fates.count(fate) for fate in sorted(set(fates))}, len(photos), "rows")
    assert len(photos) == len({photo["client_id"] for photo in photos}) == PHOTOS


def small(astronaut: np.ndarray, number: int) -> bytes:
    """A picture like no other, and quick to send."""
    out = io.BytesIO()
    Image.fromarray(astronaut[:256, 100 + number % 50 : 356 + number % 50]).save(
        out, "JPEG", quality=60 + number // 3
    )
    return out.getvalue()
