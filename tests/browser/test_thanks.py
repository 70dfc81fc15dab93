"""After sending: what the site says of a photo, the code that is offered, and photos that could not be sent."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import jpeg

from .conftest import LAPTOP, agree
from .scenes import scenes
from .test_volunteer import _choose_picture

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

CODE = re.compile(r"^(\w{4}-){3}\w{4}$")


def send(page: Page, picture: np.ndarray) -> None:
    _choose_picture(page, jpeg(picture))
    page.get_by_role("button", name="Send 1").click()


def test_a_photo_without_a_face_comes_back_with_advice_and_another_try(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    glyph = page.locator("[data-prompt-glyph]")
    wanted = glyph.inner_text()
    send(page, scenes(astronaut)["none"])
    card = page.locator(".sent-card")
    expect(card.get_by_text("We could not find a face in it.")).to_be_visible()
    expect(card.get_by_text("More light on your face, or a bit closer, helps.")).to_be_visible()
    expect(glyph).not_to_have_text(wanted)
    card.get_by_role("button", name=f"Try {wanted} again").click()
    expect(glyph).to_have_text(wanted)
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()

    page.goto("/photos/")
    expect(page.get_by_text("More light on your face, or a bit closer, helps.")).to_be_visible()
    page.get_by_role("link", name=f"Try {wanted} again").click()
    expect(glyph).to_have_text(wanted)


def test_what_is_wrong_with_a_face_that_was_found_is_said_as_well(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/", locale="ru-RU")
    page.locator("#id_age").check()
    page.locator("#id_train").check()
    page.locator(".boxes button.main").click()
    expect(page.locator("[data-action=open]").first).to_be_visible()
    _choose_picture(page, jpeg(scenes(astronaut)["dark"]))
    page.locator("[data-send]").click()
    card = page.locator(".sent-card[data-face=found]")
    expect(card.locator("[data-hints] p")).to_contain_text("Темно. Повернись к окну или лампе.")
    expect(card.locator("[data-hints] button")).to_be_visible()


def test_a_good_photo_gets_no_advice(visit: Visit, browser: Browser, astronaut: np.ndarray) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    send(page, scenes(astronaut)["good"])
    expect(page.get_by_text("We found your face.")).to_be_visible()
    expect(page.locator("[data-hints]:visible")).to_have_count(0)
    page.goto("/photos/")
    expect(page.locator(".photo")).to_have_count(1)
    expect(page.locator(".advice-line")).to_have_count(0)


# --- the receipt code


def test_the_code_is_offered_with_the_thanks_and_brings_back(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/", permissions=["clipboard-read", "clipboard-write", "camera"])
    agree(page)
    offer = page.get_by_role("button", name="Get a code that brings you back on any device")
    expect(offer).to_be_hidden()  # there is nothing to come back to yet
    send(page, scenes(astronaut)["good"])
    expect(offer).to_be_visible()
    offer.click()
    code = page.locator("[data-code]")
    expect(code).to_have_text(CODE)
    expect(page.locator("[data-receipt-ticket]")).to_be_focused()
    expect(offer).to_be_hidden()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == code.inner_text()

    page.emulate_media(media="print")
    expect(page.locator(".ticket")).to_be_visible()
    for gone in ("body > header", ".outbox", ".prompt", ".progress", ".ticket-actions"):
        expect(page.locator(gone).first).to_be_hidden()
    page.emulate_media(media="screen")

    elsewhere = visit(browser, "/receipt/", viewport=LAPTOP)
    elsewhere.get_by_label("Receipt code").fill(code.inner_text())
    elsewhere.get_by_role("button", name="Show me my photos").click()
    expect(elsewhere.locator(".photo")).to_have_count(1)

    # Whoever has one is not asked again: another code would end this one.
    page.goto("/booth/")
    send(page, scenes(astronaut)["good"])
    expect(page.get_by_text("We found your face.")).to_be_visible()
    expect(offer).to_be_hidden()


def test_a_code_that_cannot_be_had_now_can_be_asked_for_again(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    send(page, scenes(astronaut)["good"])
    page.route("**/api/v1/receipts/", lambda route: route.abort())
    page.get_by_role("button", name="Get a code").click()
    expect(page.get_by_text("We cannot reach the site just now.")).to_be_visible()
    page.unroute("**/api/v1/receipts/")
    page.get_by_role("button", name="Get a code").click()
    expect(page.locator("[data-code]")).to_have_text(CODE)


# --- refused


def test_a_refused_photo_stays_and_can_be_sent_again(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.route("**/api/v1/photos/", _refuse)
    send(page, scenes(astronaut)["good"])
    card = page.locator(".sent-card")
    expect(card.get_by_text("Not sent: That is enough for today.")).to_be_visible()
    expect(page.get_by_text("0 of 17")).to_be_visible()  # not done, for nothing has arrived
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    asked.value.dismiss()
    page.get_by_role("button", name="Skip").click()
    expect(card).to_be_visible()
    page.unroute("**/api/v1/photos/")
    card.get_by_role("button", name="Send it again").click()
    expect(card.get_by_text("We found your face.")).to_be_visible()
    expect(page.get_by_text("1 of 17")).to_be_visible()


def test_a_refused_photo_may_be_let_go(visit: Visit, browser: Browser, astronaut: np.ndarray) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.route("**/api/v1/photos/", _refuse)
    send(page, scenes(astronaut)["good"])
    page.get_by_role("button", name="Let it go").click()
    expect(page.locator(".sent-card")).to_have_count(0)
    expect(page.locator("[data-outbox]")).to_be_hidden()
    page.close(run_before_unload=True)  # asks nothing


def _refuse(route: Route) -> None:
    body = '{"code": "quota_reached", "detail": "That is enough for today."}'
    route.fulfill(status=429, body=body, content_type="application/problem+json")
