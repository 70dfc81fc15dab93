"""The camera's ways and whims: several of them, gone and back again, refused, and pictures instead of it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.conftest import jpeg

from .conftest import agree
from .test_guidance import SAVES_DATA, open_camera
from .test_pages import _violations
from .test_volunteer import ALL_ENDED, WATCH_STREAMS, _choose_picture

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

IN_INSTAGRAM = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Mobile/22A3354 Instagram 350.0.0"
)
BACK_CAMERA = """() => {
  window.wishes = [];
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wish) => {
    window.wishes.push(wish.video);
    const stream = await ask(wish);
    const [track] = stream.getVideoTracks();
    const facts = { ...track.getSettings(), facingMode: wish.video.facingMode ?? "user" };
    track.getSettings = () => facts;
    return stream;
  };
}"""
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
# What a system does to a camera cannot be done to a fake one; the event is all that the page gets to know.
TRACK_SAYS = "(event) => window.streams.at(-1).getVideoTracks()[0].dispatchEvent(new Event(event))"
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="package")
def browser_with_two_cameras(launch: Callable[..., Browser]) -> Browser:
    return launch("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=2")


def fail_once(page: Page, error: str, times: int = 1) -> None:
    """The next requests for a camera fail with this DOMException."""
    page.evaluate(
        """([error, times]) => {
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wish) => {
            if (times-- <= 0) return ask(wish);
            throw new DOMException("", error);
          };
        }""",
        [error, times],
    )


def sent_pictures(page: Page) -> list[Image.Image]:
    rows = page.request.get("/api/v1/photos/").json()["results"]
    return [Image.open(io.BytesIO(page.request.get(row["image"]).body())) for row in rows]


def test_with_one_camera_nothing_offers_another(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    open_camera(page)
    expect(page.get_by_label("Which camera")).to_be_hidden()
    expect(page.get_by_role("button", name="Switch")).to_be_hidden()
    expect(page.locator(".stage input[data-picture]")).to_be_attached()


def test_any_camera_can_be_chosen_and_the_last_one_is_off(
    visit: Visit, browser_with_two_cameras: Browser
) -> None:
    page = visit(browser_with_two_cameras, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    open_camera(page)
    picker = page.get_by_label("Which camera")
    expect(picker.locator("option")).to_have_count(2)
    first = picker.input_value()
    picker.select_option(index=1)
    expect(picker).not_to_have_value(first)
    second = picker.input_value()
    page.wait_for_function("() => window.streams.length === 2")
    assert page.evaluate("() => window.streams.map((s) => s.getVideoTracks()[0].readyState)") == [
        "ended",
        "live",
    ]
    # The button goes on to the next.
    page.get_by_role("button", name="Switch").click()
    expect(picker).to_have_value(first)
    picker.select_option(second)
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)
    page.wait_for_function(ALL_ENDED)
    # Again means the same camera again.
    page.get_by_role("button", name="Again").click()
    expect(picker).to_have_value(second)


def test_the_other_side_of_a_phone_is_not_mirrored(visit: Visit, browser_with_two_cameras: Browser) -> None:
    page = visit(browser_with_two_cameras, "/consent/")
    agree(page)
    page.evaluate(BACK_CAMERA)
    open_camera(page)
    mirrored = "() => getComputedStyle(document.querySelector('[data-preview]')).transform"
    assert page.evaluate(mirrored).startswith("matrix(-1")
    expect(page.get_by_label("You, mirrored")).to_be_visible()
    page.get_by_role("button", name="Switch").click()
    expect(page.locator("[data-stage]")).to_have_attribute("data-facing", "environment")
    assert page.evaluate(mirrored) == "none"
    expect(page.get_by_label("What the back camera sees")).to_be_visible()
    page.get_by_role("button", name="Switch").click()
    expect(page.locator("[data-stage]")).to_have_attribute("data-facing", "user")
    assert [wish["facingMode"] for wish in page.evaluate("() => window.wishes")] == [
        "user",
        "environment",
        "user",
    ]


def test_the_camera_comes_back_with_the_visitor(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    open_camera(page)
    page.evaluate(HIDE, True)
    page.wait_for_function(ALL_ENDED)
    expect(page.get_by_text("The camera went off while you were away.")).to_be_visible()
    page.evaluate(HIDE, False)
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()
    assert page.evaluate("() => window.streams.at(-1).getVideoTracks()[0].readyState") == "live"
    # Whoever closes it themselves finds it closed.
    page.get_by_role("button", name="Close the camera").click()
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    page.wait_for_timeout(300)
    assert page.evaluate(ALL_ENDED)


def test_a_track_that_ends_in_the_background_is_no_lost_camera(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    open_camera(page)
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          window.streams[0].getTracks()[0].dispatchEvent(new Event("ended"));
        }"""
    )
    expect(page.get_by_text("The camera went off while you were away.")).to_be_visible()
    page.evaluate(HIDE, False)
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()


def test_a_camera_that_the_system_holds_back_is_paused(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    open_camera(page)
    paused = page.get_by_text("The camera is paused.")
    expect(paused).to_be_hidden()
    page.get_by_role("button", name="Take three photos").click()
    page.evaluate(TRACK_SAYS, "mute")
    expect(paused).to_be_visible()
    expect(page.get_by_role("button", name="Take three photos")).to_be_hidden()
    page.keyboard.press("Space")  # on the button that starts it again, if anything
    expect(paused).to_be_hidden()
    expect(page.get_by_role("button", name="Take three photos")).to_be_focused()
    page.wait_for_function(
        "() => window.streams.length === 2 && !document.querySelector('[data-preview]').paused"
    )
    expect(page.locator(".frame")).to_have_count(0)

    # It comes back by itself, too, and the preview goes on, which iOS stops.
    page.evaluate(TRACK_SAYS, "mute")
    expect(paused).to_be_visible()
    page.evaluate("() => document.querySelector('[data-preview]').pause()")
    page.evaluate(TRACK_SAYS, "unmute")
    expect(paused).to_be_hidden()
    page.wait_for_function("() => !document.querySelector('[data-preview]').paused")
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)


def test_a_preview_paused_while_it_starts_is_no_failed_camera(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(
        """() => {
          const preview = document.querySelector("[data-preview]");
          preview.addEventListener("play", () => preview.pause(), { once: true });
        }"""
    )
    open_camera(page)
    page.wait_for_function("() => !document.querySelector('[data-preview]').paused")
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)


def test_the_preview_is_what_ios_needs(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    open_camera(page)
    preview = page.locator("[data-preview]")
    assert preview.evaluate("(video) => [video.muted, video.playsInline, video.autoplay]") == [
        True,
        True,
        False,
    ]
    page.wait_for_function("() => !document.querySelector('[data-preview]').paused")


def test_cameras_of_phones_get_names_in_words(visit: Visit, browser_with_two_cameras: Browser) -> None:
    page = visit(browser_with_two_cameras, "/consent/")
    agree(page)
    page.evaluate(
        """() => {
          const given = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
          const labels = ["camera2 1, facing front", "camera2 0, facing back"];
          navigator.mediaDevices.enumerateDevices = async () => (await given())
            .filter(({ kind }) => kind === "videoinput")
            .map(({ kind, deviceId }, index) => ({ kind, deviceId, label: labels[index] }));
        }"""
    )
    open_camera(page)
    expect(page.get_by_label("Which camera").locator("option")).to_have_text(
        ["Front camera (1)", "Back camera (2)"]
    )


def test_a_camera_that_fits_no_wish_is_taken_as_it_is(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    fail_once(page, "OverconstrainedError")
    open_camera(page)


def test_a_camera_that_fits_nothing_at_all_says_so(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    fail_once(page, "OverconstrainedError", times=2)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="That camera does not fit")).to_be_focused()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()


def test_a_refusal_says_where_this_browser_keeps_the_permission(
    visit: Visit, browser_that_refuses: Browser
) -> None:
    page = visit(browser_that_refuses, "/consent/")
    agree(page)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_text("Click the sign at the left of the address")).to_be_visible()
    expect(page.locator("[data-browser]:visible")).to_have_count(1)


def test_inside_another_app_the_way_out_is_offered(visit: Visit, browser_that_refuses: Browser) -> None:
    page = visit(
        browser_that_refuses,
        "/consent/",
        user_agent=IN_INSTAGRAM,
        permissions=["clipboard-read", "clipboard-write"],
    )
    agree(page)
    expect(page.get_by_text("Open this page in Safari instead.").first).to_be_visible()
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="Cameras often stay closed inside another app")).to_be_focused()
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_text("Copied. Paste it into the other browser.")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == page.url


def test_an_app_that_forbids_copying_marks_the_link(visit: Visit, browser_that_refuses: Browser) -> None:
    page = visit(browser_that_refuses, "/consent/", user_agent=IN_INSTAGRAM)
    agree(page)
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.execCommand = () => false;
        }"""
    )
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_text("Marked: copy it from here.")).to_be_visible()
    expect(page.get_by_label("This page's address").locator("visible=true")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_these_states(
    visit: Visit, browser_with_two_cameras: Browser, axe: str, theme: str
) -> None:
    # axe sets styles on the elements it measures, which the policy would report.
    options = {"color_scheme": theme, "reduced_motion": "reduce", "bypass_csp": True}
    page = visit(browser_with_two_cameras, "/consent/", user_agent=IN_INSTAGRAM, **options)
    page.add_init_script(SAVES_DATA)
    agree(page)
    assert _violations(page, axe) == [], "the link to take along"
    open_camera(page)
    expect(page.get_by_label("Which camera")).to_be_attached()
    assert _violations(page, axe) == [], "several cameras, and an offer to guide"
    page.get_by_role("button", name="Close the camera").click()
    fail_once(page, "NotAllowedError")
    _go(page, online=False)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="Cameras often stay closed inside another app")).to_be_visible()
    assert _violations(page, axe) == [], "inside another app, offline"


def test_pictures_are_turned_upright_before_they_are_sent(
    visit: Visit, browser: Browser, astronaut: np.ndarray
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side, as phones store portraits
    exif[0x010F] = "maker of the camera"
    wide = np.concatenate([astronaut, np.zeros_like(astronaut)], axis=1)
    _choose_picture(page, jpeg(np.rot90(wide), exif=exif))
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We found your face.")).to_be_visible()
    (sent,) = sent_pictures(page)
    assert sent.size == (1024, 512)
    assert np.abs(np.asarray(sent, dtype=float) - wide).mean() < 5


def test_fifty_megapixels_are_no_trouble(visit: Visit, browser: Browser, astronaut: np.ndarray) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    large = Image.fromarray(astronaut).resize((7072, 7072), Image.Resampling.NEAREST)
    _choose_picture(page, jpeg(np.asarray(large), quality=60))
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We found your face.")).to_be_visible()
    (sent,) = sent_pictures(page)
    assert sent.size == (1600, 1600)


def test_heic_is_opened_where_the_browser_can_and_named_where_it_cannot(
    visit: Visit, browser: Browser
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    _choose_picture(page, HEIC)
    expect(page.get_by_role("heading", name="This browser cannot open iPhone pictures")).to_be_focused()
    # A browser that can, decodes it through the image element like anything else: nothing looks at its type first.
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()


def test_a_network_that_goes_and_comes_back(visit: Visit, browser: Browser, astronaut_jpeg: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    notice = page.get_by_text("You are offline. Keep this page open")
    expect(notice).to_be_hidden()
    _choose_picture(page, astronaut_jpeg)
    page.context.set_offline(True)
    expect(notice).to_be_visible()
    glyph = page.locator("[data-prompt-glyph]")
    first = glyph.inner_text()
    page.get_by_role("button", name="Send 1").click()
    # The photo waits, and the booth goes on with the next face all by itself.
    expect(page.get_by_role("heading", name="On its way")).to_be_visible()
    expect(glyph).not_to_have_text(first)
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.locator(".sent-card")).to_have_count(2)
    page.context.set_offline(False)
    expect(notice).to_be_hidden()
    expect(page.get_by_text("We found your face.")).to_have_count(2)
    expect(page.get_by_text("2 of 17")).to_be_visible()
    assert len(sent_pictures(page)) == 2


def test_what_waits_says_why(visit: Visit, browser: Browser, astronaut_jpeg: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.route("**/api/v1/photos/", lambda route: route.abort())
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We try again by ourselves.")).to_be_visible()
    _go(page, online=False)
    expect(page.get_by_text("You are offline. It goes on when the network is back.")).to_be_visible()
    page.unroute("**/api/v1/photos/")
    _go(page, online=True)
    expect(page.get_by_text("We found your face.")).to_be_visible()


def _go(page: Page, *, online: bool) -> Any:
    """As the browser says it, without cutting the line."""
    return page.evaluate(
        """(online) => {
          Object.defineProperty(navigator, "onLine", { value: online, configurable: true });
          window.dispatchEvent(new Event(online ? "online" : "offline"));
        }""",
        online,
    )
