"""Reviewing in a browser: by keyboard without a click first and after one, by touch, and through trouble."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import LiveSite

from .conftest import LAPTOP
from .review_site import SEED
from .test_pages import WIDER_THAN_THE_WINDOW, _violations

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]
GRID, SINGLE = "/admin/review/grid/", "/admin/review/single/"
PHONE = {"width": 390, "height": 844}
PAGES = 10

FACTS = """
import json
from labeling.models import QueueEntry, Review
rows = Review.objects.filter(reviewer__username={name!r}).order_by("pk")
print("FACTS", json.dumps([
    [str(r.photo_id), r.verdict, r.reason, r.smiley.slug if r.smiley else "", r.mode, r.seconds is not None,
     r.set_aside_at is None] for r in rows.select_related("smiley")]))
"""


@pytest.fixture(scope="module")
def picture(portrait: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reviews") / "face.jpg"
    portrait.save(path, quality=90)
    return path


@pytest.fixture(scope="module")
def waiting(live_site: LiveSite, picture: Path) -> None:
    """240 tongues, 90 kisses and 30 grins wait."""
    live_site.manage("shell", "-v0", "-c", SEED.format(picture=str(picture), count=360))


@pytest.fixture
def enter(visit: Visit, browser_without_camera: Browser, waiting: None) -> Visit:
    """Open a page as a reviewer."""

    def open_page(name: str, path: str, **options: Any) -> Page:
        options = {"viewport": LAPTOP, **options}
        page = visit(browser_without_camera, "/admin/login/", **options)
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(f"correct horse {name}")
        page.get_by_role("button", name="Log in").press("Enter")
        expect(page.locator("#user-tools")).to_be_visible()
        page.goto(path)
        return page

    return open_page


def reviews(site: LiveSite, name: str) -> list[dict[str, Any]]:
    said = site.manage("shell", "-v0", "-c", FACTS.format(name=name)).split("FACTS ")[1]
    names = ("photo", "verdict", "reason", "smiley", "mode", "timed", "stands")
    return [dict(zip(names, row, strict=True)) for row in json.loads(said)]


def shown(page: Page) -> list[str]:
    """What the cells of the grid show, in their order."""
    return page.locator(".cell img").evaluate_all("(images) => images.map((image) => image.src)")


def full(page: Page, count: int = 24) -> None:
    """The page is there, and every picture of it."""
    expect(page.locator(".cell")).to_have_count(count)
    expect(page.locator("[data-record]")).to_be_enabled()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.cell img')].every((image) => image.naturalWidth > 0)"
    )


def turned(page: Page, former: str) -> None:
    """Another page is there than the one that began with this picture."""
    page.wait_for_function("(former) => document.querySelector('.cell img')?.src !== former", arg=former)


def recorded(page: Page) -> None:
    """Everything has arrived."""
    expect(page.locator("[data-undo]:visible").first).to_be_enabled()
    expect(page.locator("body[data-sending]")).to_have_count(0)


# --- the grid


def test_240_photos_by_keyboard(enter: Visit, live_site: LiveSite) -> None:
    page = enter("rita", f"{GRID}?smiley=tongue")  # no click before the first key
    for number in range(PAGES):
        full(page)
        before = shown(page)
        if number % 3 == 0:
            page.keyboard.press("w")
            page.keyboard.press("n")
            page.keyboard.press("w")  # not struck after all
            expect(page.locator(".cell[aria-pressed=true]")).to_have_count(1)
        page.keyboard.press("Enter")
        if number < PAGES - 1:
            turned(page, before[0])
    recorded(page)
    given = reviews(live_site, "rita")
    assert len(given) == len({one["photo"] for one in given}) == 240
    assert {one["mode"] for one in given} == {"grid"}
    assert all(one["timed"] for one in given)
    struck = [one for one in given if one["verdict"] != "match"]
    assert [(one["verdict"], one["reason"]) for one in struck] == [("reject", "not_trying")] * 4


def test_two_reviewers_at_once_get_different_photos(enter: Visit, live_site: LiveSite) -> None:
    path = f"{GRID}?smiley=kiss"
    pages = [enter("rob", path), enter("rita", path)]
    for page in pages:
        full(page)
        page.wait_for_load_state("networkidle")  # the next of each is held, too
    for page in pages:
        page.keyboard.press("Enter")
        recorded(page)
    rob, rita = ({one["photo"] for one in reviews(live_site, name)[-24:]} for name in ("rob", "rita"))
    assert len(rob) == len(rita) == 24
    assert not rob & rita


def test_undo_brings_the_page_back_as_it_was(enter: Visit, live_site: LiveSite) -> None:
    before = len(reviews(live_site, "rob"))
    page = enter("rob", f"{GRID}?smiley=tongue")
    full(page)
    page.locator(".cell").nth(5).click()  # and keys work after a click as before one
    page.keyboard.press("Shift+KeyA")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("gri")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    labels = page.locator(".cell-verdict").all_inner_texts()
    assert (labels[5], labels[12]) == ("not trying", ":D")
    former = shown(page)[0]
    page.keyboard.press("Enter")
    turned(page, former)
    recorded(page)
    full(page)
    page.keyboard.press("Backspace")
    expect(page.locator(".cell[aria-pressed=true]")).to_have_count(2)
    assert page.locator(".cell-verdict").all_inner_texts() == labels
    full(page)
    page.locator(".cell").nth(5).click()
    page.keyboard.press("Enter")
    expect(page.locator(".cell[aria-pressed=true]")).to_have_count(0)
    recorded(page)
    given = reviews(live_site, "rob")[before:]
    assert [one["stands"] for one in given] == [False] * 24 + [True] * 24
    last = given[24:]
    assert [(one["verdict"], one["smiley"]) for one in last if one["verdict"] != "match"] == [
        ("other", "grin")
    ]


def test_grid_by_touch(enter: Visit, live_site: LiveSite) -> None:
    before = len(reviews(live_site, "rob"))
    page = enter("rob", f"{GRID}?smiley=tongue", viewport=PHONE, has_touch=True)
    full(page)
    assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0
    page.locator(".cell").nth(3).tap()
    expect(page.get_by_role("button", name="Record 23 and strike 1")).to_be_visible()
    page.get_by_role("button", name="Record 23 and strike 1").tap()
    recorded(page)
    verdicts = [one["verdict"] for one in reviews(live_site, "rob")[before:]]
    assert (verdicts.count("match"), verdicts.count("reject")) == (23, 1)


def test_verdicts_given_while_offline_arrive_afterwards(enter: Visit, live_site: LiveSite) -> None:
    before = len(reviews(live_site, "rob"))
    page = enter("rob", f"{GRID}?smiley=tongue")
    full(page)
    page.wait_for_function("() => performance.getEntriesByName('batch-ready').length === 2")
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    full(page)  # it was there already
    expect(page.locator("[data-unsent]")).to_contain_text("24 verdicts are not recorded yet")
    page.context.set_offline(False)
    expect(page.locator("[data-unsent]")).to_be_hidden()
    recorded(page)
    assert len(reviews(live_site, "rob")) == before + 24


def test_pictures_are_asked_for_again_when_the_line_breaks(enter: Visit) -> None:
    page = enter("rob", "/admin/review/")
    broken: set[str] = set()

    def break_once(route: Route) -> None:
        address = route.request.url
        if address in broken:
            route.continue_()
        else:
            broken.add(address)
            route.abort("internetdisconnected")

    page.route("**/faces/*/crop/", break_once)
    page.goto(f"{GRID}?smiley=tongue")
    full(page)
    assert len(broken) >= 24


# --- singly


def photo_of(page: Page) -> str:
    page.wait_for_function(
        "() => [...document.querySelectorAll('.frame img')].every((image) => image.naturalWidth > 0)"
    )
    return page.locator(".frame-photo .outside").evaluate("(image) => image.src")


def press_and_advance(page: Page, *keys: str) -> None:
    before = photo_of(page)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function(
        "(former) => document.querySelector('.frame-photo .outside').src !== former", arg=before
    )


def test_every_verdict_has_its_key(enter: Visit, live_site: LiveSite) -> None:
    before = len(reviews(live_site, "rob"))
    page = enter("rob", f"{SINGLE}?smiley=kiss")  # no click before the first key
    photo_of(page)
    for key in ("m", "u", "1", "2", "3", "5", "7"):
        press_and_advance(page, key)
    press_and_advance(page, ":", "x", "Enter")
    press_and_advance(page, "g", "a", "s", "Enter")
    page.locator(".frame-crop").click()  # and after a click
    press_and_advance(page, "m")
    page.locator("[data-smiley-list] li").first.wait_for(state="hidden")
    recorded(page)
    given = [(one["verdict"], one["reason"] or one["smiley"]) for one in reviews(live_site, "rob")[before:]]
    assert given == [
        ("match", ""),
        ("unclear", ""),
        ("reject", "no_face"),
        ("reject", "not_alone"),
        ("reject", "not_trying"),
        ("reject", "bad_quality"),
        ("reject", "other"),
        ("other", "sealed"),
        ("other", "gasp"),
        ("match", ""),
    ]


def test_undo_takes_back_the_last_ten_and_no_more(enter: Visit, live_site: LiveSite) -> None:
    before = len(reviews(live_site, "rob"))
    page = enter("rob", f"{SINGLE}?smiley=kiss")
    photos = []
    for _ in range(11):
        photos.append(photo_of(page))
        press_and_advance(page, "u")
    expect(page.locator("[data-given] li")).to_have_count(10)
    recorded(page)
    for _ in range(10):
        at = photo_of(page)
        page.keyboard.press("z")
        page.wait_for_function("(now) => document.querySelector('.frame-photo .outside').src !== now", arg=at)
    expect(page.locator("[data-given] li")).to_have_count(0)
    expect(page.locator("[data-undo]:visible")).to_be_disabled()
    page.keyboard.press("z")
    given = reviews(live_site, "rob")[before:]
    assert [one["stands"] for one in given] == [True, *[False] * 10]
    # The last to be undone is in front again, and can be judged once more.
    press_and_advance(page, "m")
    recorded(page)
    last = reviews(live_site, "rob")[-1]
    assert (last["photo"], last["verdict"]) == (given[1]["photo"], "match")


def test_what_is_outside_the_face_is_blurred_until_asked_for(enter: Visit) -> None:
    page = enter("rob", f"{SINGLE}?smiley=kiss")
    photo_of(page)
    blurred = "() => getComputedStyle(document.querySelector('.frame-photo .outside')).filter"
    assert "blur" in page.evaluate(blurred)
    clip = page.locator(".frame-photo .inside").evaluate("(image) => image.style.clipPath")
    assert clip.count("%") == 8
    page.keyboard.press("b")
    assert page.evaluate(blurred) == "none"
    press_and_advance(page, "0")  # left to others: nothing is recorded, and the next is blurred again
    assert "blur" in page.evaluate(blurred)
    page.keyboard.press("Space")
    assert "scale(2.5)" in page.locator(".frame-crop [data-zoomed]").evaluate(
        "(inner) => inner.style.transform"
    )


def test_what_others_said_is_told_after_ones_own_verdict_only(enter: Visit, live_site: LiveSite) -> None:
    page = enter("rob", f"{SINGLE}?smiley=tongue")
    photo_of(page)
    assert "others?" not in page.inner_text("body")
    press_and_advance(page, "u")
    recorded(page)
    of_another = (
        "from django.contrib.auth.models import User; from labeling.models import Review;"
        "Review.objects.create(photo_id='{}', verdict='match', mode='single',"
        " reviewer=User.objects.get(username='chief'))"
    )
    photo = reviews(live_site, "rob")[-1]["photo"]
    live_site.manage("shell", "-v0", "-c", of_another.format(photo))
    page.get_by_role("button", name="others?").click()
    expect(page.locator("[data-given] li")).to_contain_text("matches the prompt")
    expect(page.locator("[data-undo]:visible")).to_be_disabled()


def test_stale_page_says_what_became_of_the_photos(enter: Visit, live_site: LiveSite) -> None:
    page = enter("rob", f"{GRID}?smiley=tongue")
    full(page)
    expect(page.locator("body[data-sending]")).to_have_count(0)
    gone = (
        "from collector.services import photo_withdraw; from labeling.models import QueueEntry;"
        "held = QueueEntry.objects.filter(claimed_by__username='rob', smiley__slug='tongue');"
        "[photo_withdraw(photo=one.photo, actor='participant') for one in held.select_related('photo')]"
    )
    live_site.manage("shell", "-v0", "-c", gone)
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_have_text("24 photos: This photo was withdrawn: go on with the next.")


# --- the look


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_pages_are_accessible_and_fit(enter: Visit, axe: str, size: Any, theme: str) -> None:
    # axe sets styles on the elements it measures, which the policy would report.
    options = {"viewport": size, "color_scheme": theme, "reduced_motion": "reduce", "bypass_csp": True}
    page = enter("chief", "/admin/review/", **options)
    for path in ("?smiley=tongue", "grid/", "single/", "rules/?smiley=&quorum=1&majority=50", "hidden/"):
        page.goto(f"/admin/review/{path}")
        if path == "grid/":
            expect(page.locator(".cell").first).to_be_visible()
            if size is LAPTOP:
                page.keyboard.press("Shift+Digit1")  # there may be few
                expect(page.get_by_role("dialog")).to_be_visible()
                assert _violations(page, axe) == [], "the close look"
                page.keyboard.press("Escape")
        elif path == "single/":
            photo_of(page)
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path
        assert _violations(page, axe) == [], path
