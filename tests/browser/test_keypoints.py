"""The keypoint editor by keyboard and by hand, in a real browser."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import LiveSite

from .conftest import LAPTOP, PHONE, agree
from .test_my_page import send
from .test_pages import WIDER_THAN_THE_WINDOW, _violations

pytestmark = pytest.mark.stack


@pytest.fixture
def manager(live_site: LiveSite) -> str:
    """A new manager's name; the password is the same."""
    name = f"manager-{uuid.uuid4().hex[:8]}"
    live_site.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import Group, User;"
        f"User.objects.create_user({name!r}, password={name!r}, is_staff=True)"
        ".groups.add(Group.objects.get(name='manager'))",
    )
    return name


@pytest.fixture
def photo(live_site: LiveSite, visit: Callable[..., Page], browser: Browser, astronaut_jpeg: bytes) -> str:
    page = visit(browser, "/consent/")
    agree(page)
    return send(page, astronaut_jpeg)


@pytest.fixture
def editor(visit: Callable[..., Page], browser: Browser, manager: str, photo: str) -> Callable[..., Page]:
    def open_editor(viewport: dict[str, int] = LAPTOP) -> Page:
        page = visit(browser, f"/admin/login/?next=/admin/collector/photo/{photo}/change/", viewport=viewport)
        page.get_by_label("Username").fill(manager)
        page.get_by_label("Password").fill(manager)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="Place its keypoints").click()
        expect(page.locator(".keypoint")).to_have_count(15)
        return page

    return open_editor


def where(page: Page, index: int) -> tuple[float, float]:
    text = page.locator(".keypoint").nth(index).get_attribute("transform") or ""
    x, y = (float(number) for number in re.findall(r"[-\d.]+", text))
    return x, y


def test_points_are_placed_by_keyboard_and_kept(editor: Callable[..., Page], axe: str) -> None:
    page = editor()
    picture = page.get_by_role("application")
    expect(picture).to_be_focused()  # keys work without a click first
    x, y = where(page, 0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    assert where(page, 0) == pytest.approx((x + 0.9, y + 1))
    page.keyboard.press("z")
    assert where(page, 0) == pytest.approx((x + 1, y + 1))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("v")
    expect(page.get_by_role("button", name="left eye inner corner")).to_have_class(
        re.compile("keypoint-hidden")
    )
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="right eye center")).to_have_attribute("aria-pressed", "true")
    assert _violations(page, axe) == []

    address = page.url
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(address)
    expect(page.get_by_text("points that somebody placed")).to_be_visible()
    assert where(page, 0) == pytest.approx((x + 1, y + 1), abs=0.11)
    expect(page.get_by_role("button", name="left eye inner corner")).to_have_class(
        re.compile("keypoint-hidden")
    )
    page.keyboard.press("m")
    assert where(page, 0) == pytest.approx((x, y), abs=0.11)


def test_points_are_dragged_and_stay_inside(editor: Callable[..., Page]) -> None:
    page = editor()
    before = where(page, 10)
    box: Any = page.locator(".keypoint").nth(10).locator(".keypoint-ring").bounding_box()
    frame: Any = page.get_by_role("application").bounding_box()
    start = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 40, start[1] + 20, steps=4)
    page.mouse.up()
    scale = 256 / frame["width"]
    assert where(page, 10) == pytest.approx((before[0] + 40 * scale, before[1] + 20 * scale), abs=0.6)
    page.mouse.move(start[0] + 40, start[1] + 20)
    page.mouse.down()
    page.mouse.move(frame["x"] - 30, frame["y"] - 30, steps=4)
    page.mouse.up()
    assert where(page, 10) == (0, 0)
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert where(page, 10) == pytest.approx(before, abs=0.11)


def test_two_people_at_once_are_told(editor: Callable[..., Page]) -> None:
    one, other = editor(), editor()
    with one.expect_navigation():
        one.keyboard.press("Enter")
    other.keyboard.press("Enter")
    expect(other.get_by_role("status")).to_contain_text("Somebody placed the points of this face meanwhile")


def test_the_editor_fits_a_phone(editor: Callable[..., Page]) -> None:
    assert editor(PHONE).evaluate(WIDER_THAN_THE_WINDOW) <= 0
