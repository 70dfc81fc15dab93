"""What is theirs: the receipt code, the consent, everything to take home, and the way out that leaves nothing."""

import io
import re
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from tests.conftest import LiveSite, jpeg, wait_until

from .conftest import LAPTOP, PHONE, agree
from .test_pages import WIDER_THAN_THE_WINDOW, _violations

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]


@pytest.fixture
def marked(astronaut: np.ndarray) -> bytes:
    """A photo like no other: its noise is the marker."""
    noise = np.random.default_rng(uuid.uuid4().int % 2**63).integers(-6, 7, astronaut.shape)
    return jpeg(np.clip(astronaut.astype(int) + noise, 0, 255).astype(np.uint8))


def send(page: Page, picture: bytes, smiley: str = "tongue") -> str:
    """Send a photo from this browser; its id, once the site has looked at it."""
    page.goto("/booth/")
    answer = page.request.post(
        "/api/v1/photos/",
        multipart={
            "image": {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": picture},
            "smiley": smiley,
            "client_id": str(uuid.uuid4()),
        },
        headers={
            "X-CSRFToken": page.locator("[data-booth]").get_attribute("data-csrf") or "",
            "Referer": page.url,
        },
    )
    assert answer.status == 201, answer.text()
    photo = answer.json()["id"]
    wait_until(lambda: page.request.get(f"/api/v1/photos/{photo}/").json()["processed"], "it is looked at")
    return str(photo)


def new_code(page: Page) -> str:
    page.goto("/photos/")
    page.get_by_role("button", name=re.compile("Show me my code|Give me another code")).first.click()
    return page.locator("[data-code]").inner_text()


def come_back(page: Page, code: str) -> None:
    """From the first page of a new browser."""
    page.get_by_role("link", name="Make some faces").click()
    page.get_by_role("link", name="Come back with your code").click()
    page.get_by_label("Receipt code").fill(code)
    page.get_by_role("button", name="Show me my photos").click()
    expect(page.get_by_text("Welcome back.")).to_be_visible()


# --- the receipt code


def test_code_is_shown_once_copied_and_brings_back_on_another_device(
    visit: Visit, browser: Browser, marked: bytes
) -> None:
    page = visit(browser, "/consent/", permissions=["clipboard-read", "clipboard-write", "camera"])
    agree(page)
    send(page, marked)
    page.goto("/photos/")
    expect(page.get_by_text("Only this browser knows")).to_be_visible()
    code = new_code(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == code
    page.goto("/photos/")
    assert code not in page.content()

    elsewhere = visit(browser, viewport=LAPTOP)
    come_back(elsewhere, code.lower().replace("-", " "))
    expect(elsewhere.locator(".photo")).to_have_count(1)


def test_on_paper_there_is_the_ticket_and_nothing_else(visit: Visit, browser: Browser, marked: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    send(page, marked)
    new_code(page)
    page.emulate_media(media="print")
    expect(page.locator(".ticket")).to_be_visible()
    for gone in ("body > header", "body > footer", ".ticket-actions", ".buttons"):
        expect(page.locator(gone).first).to_be_hidden()


def test_wrong_code_says_what_to_do_and_keeps_the_keyboard_there(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/receipt/")
    page.get_by_label("Receipt code").focus()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No photos belong to this code.")).to_be_visible()
    expect(page.get_by_label("Receipt code")).to_be_focused()
    expect(page.get_by_label("Receipt code")).to_have_value("")


# --- consent


def test_scopes_are_narrowed_and_widened_by_a_click_each(
    visit: Visit, browser: Browser, marked: bytes
) -> None:
    page = visit(browser, "/consent/", java_script_enabled=False)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="I agree, open the booth").click()
    page.goto("/photos/")
    state = page.locator(".scope-state")
    expect(state).to_have_text(["yes", "yes", "yes"])
    page.get_by_role("button", name="Stop it: Shown as an example").click()
    expect(page.get_by_text("It holds for all your photos, at once.")).to_be_visible()
    expect(state).to_have_text(["yes", "no", "yes"])
    page.get_by_role("button", name="Allow it: Shown as an example").click()
    expect(page.get_by_text("the photos that you send from now on")).to_be_visible()
    expect(state).to_have_text(["yes", "yes", "yes"])
    page.get_by_role("button", name="Stop it: Training the networks").click()
    expect(page.get_by_text("None of your photos is used for anything any more.")).to_be_visible()
    expect(state).to_have_text(["no", "no", "no"])
    expect(page.get_by_role("button", name="Allow it")).to_have_count(0)
    expect(page.get_by_role("link", name="Read the text and agree again")).to_be_visible()


def test_own_text_is_there_to_read(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.goto("/photos/")
    page.get_by_text("The text you agreed to").click()
    expect(page.get_by_text("The photos are used to train and to evaluate")).to_be_visible()


# --- examples


def test_examples_are_accepted_photos_of_others_who_allow_it(
    visit: Visit, browser: Browser, live_site: LiveSite, marked: bytes
) -> None:
    giver = visit(browser, "/consent/", java_script_enabled=False)
    for box in giver.get_by_role("checkbox").all():
        box.check()
    giver.get_by_role("button", name="I agree, open the booth").click()
    photo = send(giver, marked, "kiss")
    page = visit(browser, "/consent/")
    agree(page)
    shown = page.locator(f"[data-examples] img[src*='{photo}']")

    page.goto("/booth/?smiley=kiss")
    expect(page.locator("[data-prompt-glyph]")).to_have_text(":*")
    expect(shown).to_have_count(0)
    live_site.manage(
        *("shell", "-v0", "-c"),
        "from collector.models import Photo; from collector.services import photo_decided;"
        f"photo = Photo.objects.get(pk='{photo}'); photo_decided(photo=photo, accepted_as=photo.smiley)",
    )
    page.goto("/booth/?smiley=kiss")
    expect(page.get_by_text("Others made it like this")).to_be_visible()
    expect(shown).to_be_visible()
    assert shown.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 0

    giver.goto("/photos/")
    expect(giver.get_by_text("Accepted, thank you")).to_be_visible()
    giver.get_by_role("button", name="Stop it: Shown as an example").click()
    page.goto("/booth/?smiley=kiss")
    expect(page.locator("[data-prompt-glyph]")).to_have_text(":*")
    expect(shown).to_have_count(0)
    assert page.request.get(f"/photos/{photo}/image/").status == 404


# --- everything to take home


def test_everything_can_be_downloaded(visit: Visit, browser: Browser, marked: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    photo = send(page, marked)
    page.goto("/photos/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    assert download.value.suggested_filename.endswith(".zip")
    archive = zipfile.ZipFile(str(download.value.path()))
    assert archive.testzip() is None
    names = [name.rpartition("/")[2] for name in archive.namelist() if photo in name]
    assert sorted(names) == ["face-1.jpg", "photo.jpg", "photo.json"]


# --- the way out


@pytest.mark.parametrize("where", ["the same browser", "another browser"])
def test_two_clicks_and_nothing_of_the_photo_is_found_anywhere(
    visit: Visit, browser: Browser, live_site: LiveSite, marked: bytes, where: str
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    photo = send(page, marked)
    traces = traces_of(page, photo)
    assert set(found(live_site, traces)) == set(traces), "this test looks where they are"

    leaving = page
    if where == "another browser":
        code = new_code(page)
        leaving = visit(browser)
        come_back(leaving, code)
    leaving.goto("/photos/")
    leaving.get_by_text("Withdraw everything").click()
    leaving.get_by_role("button", name="Yes, take it all back").click()
    expect(leaving.get_by_text("1 photo and your consent are gone.")).to_be_visible()

    wait_until(lambda: not found(live_site, traces), "no trace of the photo is left", seconds=60)
    assert page.request.get(f"/photos/{photo}/image/").status == 404
    page.goto("/photos/")
    expect(page.get_by_role("heading", name="Nothing of yours is here")).to_be_visible()


def traces_of(page: Page, photo: str) -> dict[str, bytes]:
    """What would betray that the photo is still there: parts of its pictures, and what rows say of it alone."""
    facts = page.request.get(f"/api/v1/photos/{photo}/").json()
    picture = page.request.get(facts["image"]).body()
    crop = page.request.get(facts["faces"][0]["crop"]).body()
    box = ", ".join(str(number) for number in facts["faces"][0]["box"][:1])
    assert box
    client_id = uuid.UUID(facts["client_id"])
    return {
        "photo": picture[len(picture) // 2 :][:64],
        "end of the photo": picture[-80:-16],
        "crop": crop[len(crop) // 2 :][:64],
        "row of the photo": client_id.hex.encode(),
    }


def found(site: LiveSite, traces: dict[str, bytes]) -> list[str]:
    """Which traces are in any file that the site keeps (photos, database, its log, the broker's) or in the cache."""
    held = []
    for path in site.data_dir.rglob("*"):
        try:
            held.append(path.read_bytes() if path.is_file() else b"")
        except FileNotFoundError:  # gone while we looked
            continue
    held.append(cached(site.data_dir / "run" / "redis.sock"))
    return [name for name, trace in traces.items() if any(trace in content for content in held)]


def cached(socket: Path) -> bytes:
    everything = io.BytesIO()
    for number in (0, 1):
        with redis.Redis(unix_socket_path=str(socket), db=number) as cache:
            for key in cache.scan_iter():
                everything.write(key + b" " + (cache.dump(key) or b"") + b"\n")
    return everything.getvalue()


# --- for everybody, on every screen


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_axe_finds_nothing_on_these_pages_either(
    visit: Visit, browser: Browser, axe: str, marked: bytes, theme: str, size: Any
) -> None:
    page = visit(
        browser, "/receipt/", viewport=size, color_scheme=theme, reduced_motion="reduce", bypass_csp=True
    )
    assert _violations(page, axe) == [], "the desk"
    page.get_by_label("Receipt code").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No photos belong to this code.")).to_be_visible()
    assert _violations(page, axe) == [], "a wrong code"
    page.goto("/consent/")
    agree(page)
    page.goto("/photos/")
    assert _violations(page, axe) == [], "no photos yet"
    send(page, marked)
    page.goto("/receipt/")
    assert _violations(page, axe) == [], "photos would be left behind"
    new_code(page)
    assert _violations(page, axe) == [], "the ticket"
    page.goto("/photos/")
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Stop it: Shared").count()
    assert _violations(page, axe) == [], "my photos"


@pytest.mark.parametrize("letters", [1, 2], ids=["a narrow window", "letters twice as large"])
def test_zoomed_in_nothing_is_cut_off(visit: Visit, browser: Browser, marked: bytes, letters: int) -> None:
    """640 px at 200 % are 320; and text alone may be twice as large."""
    size = {"width": 320 if letters == 1 else 640, "height": 700}
    page = visit(browser, "/consent/", viewport=size, bypass_csp=True)
    agree(page)
    send(page, marked)
    for path in ("/", "/consent/", "/receipt/", "/privacy/", "/photos/", "ticket"):
        new_code(page) if path == "ticket" else page.goto(path)
        page.evaluate(f"() => {{ document.documentElement.style.fontSize = '{letters * 100}%'; }}")
        assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, path


def test_landing_is_light(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/")
    page.wait_for_load_state("networkidle")
    entries = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .map((entry) => [new URL(entry.name).pathname, entry.transferSize])"""
    )
    total = sum(size for _, size in entries)
    assert 0 < total <= 60 * 1024, entries


def test_manifest_and_icons_are_there(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/")
    address = page.locator("link[rel=manifest]").get_attribute("href") or ""
    manifest = page.request.get(address).json()
    assert manifest["name"] == "Smielfy"
    assert manifest["theme_color"]
    touch = page.locator("link[rel=apple-touch-icon]").get_attribute("href") or ""
    for icon in (touch, *(icon["src"] for icon in manifest["icons"])):
        answer = page.request.get(icon)
        assert (answer.status, answer.headers["content-type"].partition("/")[0]) == (200, "image"), icon
    assert page.evaluate("async () => (await navigator.serviceWorker.getRegistrations()).length") == 0
