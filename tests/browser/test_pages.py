"""Every page, at each size and in both themes: nothing sticks out, and axe finds nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import LAPTOP, PHONE, agree, take_photos

pytestmark = pytest.mark.stack

SIZES = [PHONE, {"width": 390, "height": 844}, LAPTOP]
FOR_ALL = ["/", "/try/", "/consent/", "/privacy/", "/photos/", "/nothing-here/"]
WIDER_THAN_THE_WINDOW = "() => document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_nothing_scrolls_sideways(visit: Callable[..., Page], browser: Browser, size: Any) -> None:
    page = visit(browser, viewport=size)
    for path in FOR_ALL:
        page.goto(path)
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path
    for state in _booth_states(page):
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, state


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_axe_finds_nothing(
    visit: Callable[..., Page], browser: Browser, axe: str, theme: str, size: Any
) -> None:
    # axe sets styles on the elements it measures, which the policy would report.
    page = visit(browser, viewport=size, color_scheme=theme, reduced_motion="reduce", bypass_csp=True)
    for path in FOR_ALL:
        page.goto(path)
        assert _violations(page, axe) == [], path
    page.goto("/consent/")
    for details in page.locator("summary").all():
        details.click()
    assert _violations(page, axe) == [], "the folded texts"
    for state in _booth_states(page):
        assert _violations(page, axe) == [], state


def _booth_states(page: Page) -> Any:
    """Walk a newcomer through the booth, and say at each state which one it is."""
    page.goto("/consent/")
    agree(page)
    yield "prompt"
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()
    yield "camera"
    page.get_by_role("button", name="Close the camera").click()
    take_photos(page)
    page.keyboard.press("3")
    yield "choose"
    page.get_by_role("button", name="Send 2").click()
    expect(page.get_by_text("We found your face.")).to_have_count(2)
    yield "sent"
    page.evaluate("() => Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="The browser keeps the camera closed here")).to_be_visible()
    yield "problem"
    page.goto("/photos/")
    for summary in page.locator("summary").all():
        summary.click()
    yield "my photos"


def _violations(page: Page, axe: str) -> list[str]:
    page.wait_for_load_state()  # words can be there before the style sheets are
    page.evaluate(axe)
    found = page.evaluate(
        """async () => {
          const { violations } = await axe.run(document, { resultTypes: ["violations"] });
          const why = (node) => `${node.target} ${node.any.map((check) => check.message)}`;
          return violations.map((rule) => `${rule.id}: ${rule.nodes.map(why).join(" | ")}`);
        }"""
    )
    return list(found)
