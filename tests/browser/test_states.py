"""Every state that a page can be in: axe finds nothing, and at 200 % nothing is cut off."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, expect

from tests.conftest import jpeg

from .conftest import agree, take_photos
from .scenes import scenes
from .test_capture import HEIC, IN_INSTAGRAM, TRACK_SAYS, fail_once
from .test_pages import WIDER_THAN_THE_WINDOW, _violations
from .test_volunteer import WATCH_STREAMS, _choose_picture

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

ERRORS = ("403.html", "403_csrf.html", "404.html", "429.html", "500.html")
# What getUserMedia throws, how often (the second wish is for any camera), and the page's state.
FAILURES = {
    "denied": ("NotAllowedError", 1),
    "none": ("NotFoundError", 1),
    "busy": ("NotReadableError", 1),
    "constraints": ("OverconstrainedError", 2),
    "failed": ("TypeError", 1),
}
# A window of 640 pixels at 200 % is as wide as one of 320; and letters alone may be twice as large.
ZOOMED = ((320, 100), (640, 200))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state_can_be_read_by_everybody(
    visit: Visit, browser: Browser, axe: str, astronaut: np.ndarray, theme: str
) -> None:
    # axe sets styles on the elements it measures, which the policy would report.
    page = visit(browser, color_scheme=theme, reduced_motion="reduce", bypass_csp=True)
    for states in (_errors(page), _consent(page), _camera(page), _sending(page, astronaut), _finished(page)):
        for state in states:
            assert _violations(page, axe) == [], state
            assert _cut_off(page) == [], state


def test_every_state_inside_another_app(visit: Visit, browser_that_refuses: Browser, axe: str) -> None:
    options = {"user_agent": IN_INSTAGRAM, "reduced_motion": "reduce", "bypass_csp": True}
    page = visit(browser_that_refuses, "/consent/", **options)
    agree(page)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.locator("[data-problem=app]")).to_be_visible()
    assert _violations(page, axe) == []
    assert _cut_off(page) == []


def _cut_off(page: Page) -> list[int]:
    usual = page.viewport_size
    wider = []
    for width, letters in ZOOMED:
        page.set_viewport_size({"width": width, "height": 700})
        page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", f"{letters}%")
        if page.evaluate(WIDER_THAN_THE_WINDOW) > 0:
            wider.append(width)
    page.evaluate("() => { document.documentElement.style.fontSize = ''; }")
    assert usual is not None
    page.set_viewport_size(usual)
    return wider


def _answer(page: Page, where: str, body: str, kind: str = "application/json", status: int = 200) -> None:
    """What the site would say, said for it."""
    page.unroute(where)
    page.route(where, lambda route: route.fulfill(body=body, content_type=kind, status=status))


def _errors(page: Page) -> Iterator[str]:
    for name in ERRORS:
        _answer(page, "**/an-error/", render_to_string(name), "text/html")
        page.goto("/an-error/")
        yield name


def _consent(page: Page) -> Iterator[str]:
    page.goto("/consent/")
    page.locator("form.boxes").evaluate("(form) => { form.noValidate = true; }")
    page.get_by_role("button", name="I agree, open the booth").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "a box is missing"
    agree(page)
    page.goto("/consent/")
    expect(page.get_by_text("You agreed to this text on")).to_be_visible()
    yield "already agreed"


def _camera(page: Page) -> Iterator[str]:
    page.goto("/booth/")
    for state, (error, times) in FAILURES.items():
        fail_once(page, error, times)
        page.get_by_role("button", name="Open the camera").or_(
            page.get_by_role("button", name="Try again")
        ).locator("visible=true").click()
        expect(page.locator(f"[data-problem={state}]")).to_be_visible()
        yield state
    for state, data in {"unreadable": b"no picture", "heic": HEIC}.items():
        _choose_picture(page, data)
        expect(page.locator(f"[data-problem={state}]")).to_be_visible()
        yield state
    page.goto("/booth/")
    page.evaluate(WATCH_STREAMS)
    page.get_by_role("button", name="Open the camera").click()
    page.wait_for_function("() => !document.querySelector('[data-preview]').paused")
    page.evaluate(TRACK_SAYS, "mute")
    expect(page.get_by_text("The camera is paused.")).to_be_visible()
    yield "paused"
    page.evaluate(TRACK_SAYS, "ended")
    expect(page.locator("[data-problem=lost]")).to_be_visible()
    yield "lost"


def _sending(page: Page, astronaut: np.ndarray) -> Iterator[str]:
    page.goto("/booth/")
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    take_photos(page)
    page.route("**/api/v1/photos/", lambda route: route.abort())
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We try again by ourselves.")).to_be_visible()
    yield "on its way"
    page.unroute("**/api/v1/photos/")
    expect(page.get_by_text("We found your face.")).to_be_visible()
    page.get_by_role("button", name="Get a code").click()
    expect(page.locator("[data-receipt-ticket]")).to_be_visible()
    yield "the code"
    page.get_by_role("button", name="I have it").click()
    _choose_picture(page, jpeg(scenes(astronaut)["none"]))
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_role("button", name="Try :D again")).to_be_visible()
    yield "no face"
    refusal = '{"code": "consent_required", "detail": "Agree first."}'
    _answer(page, "**/api/v1/photos/", refusal, status=403)
    _choose_picture(page, jpeg(scenes(astronaut)["good"]))
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_role("button", name="Send it again")).to_be_visible()
    yield "refused"
    page.get_by_role("button", name="Let it go").click()
    page.unroute("**/api/v1/photos/")
    page.goto("/photos/")
    expect(page.get_by_role("link", name="Try :D again")).to_be_visible()
    yield "my photos, with advice"


def _finished(page: Page) -> Iterator[str]:
    page.goto("/booth/")
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    # As if the site had nothing left to ask for.
    _answer(page, "**/prompts/next/*", json.dumps({"smiley": None, "done": []}))
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("heading", name="That was all but the ones you skipped.")).to_be_visible()
    yield "all but the skipped"
    slugs = page.evaluate(
        "() => [...document.querySelectorAll('[data-slug]')].map((cell) => cell.dataset.slug)"
    )
    _answer(page, "**/prompts/next/*", json.dumps({"smiley": None, "done": slugs}))
    page.get_by_role("button", name="Show me the skipped ones").click()
    expect(page.get_by_role("heading", name="All of them. You are magnificent.")).to_be_visible()
    yield "all done"
