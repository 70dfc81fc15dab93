"""A volunteer's whole way, in a real browser against the real site."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from .conftest import LAPTOP, agree, take_photos

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

# Brows to chin of the astronaut in the camera's picture, measured by hand: x, y, width, height.
FACE = (432, 185, 256, 290)

# Remembers each stream that a page was given, so that a test can see whether its tracks have ended.
WATCH_STREAMS = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.streams = [];
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    const stream = await ask(wishes);
    window.streams.push(stream);
    return stream;
  };
}"""
ALL_ENDED = """() => window.streams.length > 0 && window.streams.every(
  (stream) => stream.getTracks().every((track) => track.readyState === "ended"))"""


def test_from_the_first_page_to_a_face_that_was_found(
    visit: Visit, browser: Browser, portrait: Image.Image
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
    expect(page.get_by_text("1 of 17")).to_be_visible()

    sent = page.request.get("/api/v1/photos/").json()["results"]
    assert len(sent) == 1
    facts = page.request.get(f"/api/v1/photos/{sent[0]['id']}/").json()
    assert overlap(facts["faces"][0]["box"], FACE) >= 0.5
    picture = Image.open(io.BytesIO(page.request.get(sent[0]["image"]).body()))
    _assert_not_mirrored(picture, portrait)


def test_by_keyboard_alone(visit: Visit, browser: Browser) -> None:
    page = visit(browser, viewport=LAPTOP)
    _tab_to(page, "Make some faces")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()
    _tab_to(page, "or older")
    page.keyboard.press("Space")
    _tab_to(page, "train the networks")
    page.keyboard.press("Space")
    _tab_to(page, "I agree, open the booth")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()
    _tab_to(page, "Open the camera")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take three photos")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".frame")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Take three photos")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".frame")).to_have_count(3)
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Send 2")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("We found your face.")).to_have_count(2)


def test_discarding_all_sends_nothing(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    take_photos(page)
    for number in "123":
        page.keyboard.press(number)
    expect(page.get_by_role("button", name="Keep at least one")).to_be_disabled()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Photo 2").click()
    expect(page.get_by_role("button", name="Send 1")).to_be_enabled()


@pytest.mark.parametrize("leave", ["shoot", "close", "hide", "picture"])
def test_the_camera_is_off_when_nobody_looks_into_it(
    visit: Visit, browser: Browser, astronaut_jpeg: bytes, leave: str
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    page.get_by_role("button", name="Open the camera").click()
    shutter = page.get_by_role("button", name="Take three photos")
    expect(shutter).to_be_visible()
    assert not page.evaluate(ALL_ENDED)
    if leave == "shoot":
        shutter.click()
        expect(page.locator(".frame")).to_have_count(3)
    elif leave == "close":
        page.keyboard.press("Escape")
    elif leave == "hide":
        page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", { value: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        expect(page.get_by_text("The camera went off while you were away.")).to_be_visible()
    else:
        _choose_picture(page, astronaut_jpeg)
    page.wait_for_function(ALL_ENDED)


def test_a_lost_camera_says_so(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(WATCH_STREAMS)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()
    page.evaluate("() => window.streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.get_by_role("heading", name="The camera went away")).to_be_focused()


def test_a_denied_camera_leaves_the_file_picker(
    visit: Visit, browser_that_refuses: Browser, astronaut_jpeg: bytes
) -> None:
    page = visit(browser_that_refuses, "/consent/")
    agree(page)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="The camera is closed to this site")).to_be_focused()
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We found your face.")).to_be_visible()


def test_without_a_camera_the_file_picker_does(
    visit: Visit, browser_without_camera: Browser, astronaut_jpeg: bytes
) -> None:
    page = visit(browser_without_camera, "/consent/")
    agree(page)
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="There is no camera here")).to_be_focused()
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We found your face.")).to_be_visible()


def test_a_busy_camera_can_be_tried_again(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate(
        """() => {
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wishes) => {
            navigator.mediaDevices.getUserMedia = ask;
            throw new DOMException("", "NotReadableError");
          };
        }"""
    )
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="The camera is busy")).to_be_focused()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()


def test_an_insecure_address_is_named_as_the_reason(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.evaluate("() => Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("heading", name="The browser keeps the camera closed here")).to_be_focused()


def test_a_file_that_is_no_picture_is_refused_before_it_is_sent(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    _choose_picture(page, b"not a picture at all")
    expect(page.get_by_role("heading", name="This browser cannot open that picture")).to_be_focused()


def test_large_pictures_are_scaled_before_they_are_sent(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    large = io.BytesIO()
    Image.effect_noise((5000, 2500), 40).convert("RGB").save(large, "JPEG")
    _choose_picture(page, large.getvalue())
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We could not find a face in it.")).to_be_visible()
    sent = page.request.get("/api/v1/photos/").json()["results"]
    assert Image.open(io.BytesIO(page.request.get(sent[0]["image"]).body())).size == (1600, 800)


def test_an_upload_that_fails_twice_arrives_once(
    visit: Visit, browser: Browser, astronaut_jpeg: bytes
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    tries: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        tries.append("try")
        if len(tries) == 1:
            return route.abort()
        if len(tries) == 2:
            # It arrives, but the answer is lost.
            route.fetch()
            return route.fulfill(status=503, headers={"Retry-After": "1"}, body="busy")
        return route.continue_()

    page.route("**/api/v1/photos/", answer)
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We found your face.")).to_be_visible()
    assert len(tries) == 3
    assert len(page.request.get("/api/v1/photos/").json()["results"]) == 1


def test_a_refused_photo_says_why(visit: Visit, browser: Browser, astronaut_jpeg: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    body = '{"code": "quota_reached", "detail": "That is enough for today."}'
    page.route(
        "**/api/v1/photos/",
        lambda route: route.fulfill(status=429, body=body, content_type="application/problem+json"),
    )
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("Not sent: That is enough for today.")).to_be_visible()


def test_leaving_with_unsent_photos_asks_first(visit: Visit, browser: Browser, astronaut_jpeg: bytes) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    page.route("**/api/v1/photos/", lambda route: route.abort())
    _choose_picture(page, astronaut_jpeg)
    page.get_by_role("button", name="Send 1").click()
    expect(page.get_by_text("We try again by ourselves.")).to_be_visible()
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.accept()
    # Whoever leaves all the same leaves nothing half done.
    again = page.context.new_page()
    again.goto("/photos/")
    expect(again.get_by_role("heading", name="No photos yet")).to_be_visible()


def test_skipping_and_choosing_are_free(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    glyph = page.locator("[data-prompt-glyph]")
    first = glyph.inner_text()
    page.get_by_role("button", name="Skip").click()
    expect(glyph).not_to_have_text(first)
    page.get_by_role("button", name=re.compile("^:P")).click()
    expect(glyph).to_have_text(":P")
    for _ in range(16):
        with page.expect_response("**/prompts/next/*"):
            page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("heading", name="That was all but the ones you skipped.")).to_be_visible()
    page.get_by_role("button", name="Show me the skipped ones").click()
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()


def test_consent_needs_age_and_training_and_presumes_nothing(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/", java_script_enabled=False)
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(4)
    for box in boxes.all():
        expect(box).not_to_be_checked()
    answer = page.request.post(
        "/consent/",
        form={
            "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value")
            or "",
            "text": page.locator("[name=text]").get_attribute("value") or "",
            "share_in_release": "yes",
        },
        headers={"Referer": page.url},
    )
    assert answer.status == 422
    assert "Tick this box if you are old enough" in answer.text()
    page.goto("/booth/")
    expect(page).to_have_url(re.compile("/consent/$"))


def test_deleting_and_withdrawing_take_two_clicks_and_no_script(
    visit: Visit, browser: Browser, astronaut_jpeg: bytes
) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    take_photos(page)
    page.get_by_role("button", name="Send 3").click()
    expect(page.get_by_role("heading", name="Sent. Thank you!")).to_be_visible()

    page = visit(browser, "/photos/", java_script_enabled=False, storage_state=page.context.storage_state())
    expect(page.locator(".photo")).to_have_count(3)
    image = page.locator(".photo img").first.get_attribute("src") or ""
    page.locator(".photo summary").first.click()
    page.get_by_role("button", name="Yes, delete it").first.click()
    expect(page.get_by_text("The photo is gone")).to_be_visible()
    expect(page.locator(".photo")).to_have_count(2)
    assert page.request.get(image).status == 404

    page.get_by_text("Withdraw everything").click()
    page.get_by_role("button", name="Yes, take it all back").click()
    expect(page.get_by_text("2 photos and your consent are gone.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing of yours is here")).to_be_visible()
    page.goto("/privacy/")
    expect(page.locator(".tombstones code").first).to_have_count(1)


def _choose_picture(page: Page, data: bytes) -> None:
    """Through whichever of the pickers is on the screen."""
    picker = page.locator("input[data-picture]:visible").first
    picker.set_input_files({"name": "me.jpg", "mimeType": "image/jpeg", "buffer": data})


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the control whose text or label holds `name` has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent ?? ''"
        )
        if name in focused:
            return
    pytest.fail(f"Tab never reaches “{name}”.")


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


def _assert_not_mirrored(picture: Image.Image, original: Image.Image) -> None:
    def pixels(image: Image.Image) -> np.ndarray:
        return np.asarray(image.convert("L").resize((64, 36)), dtype=float)

    sent, seen = pixels(picture), pixels(original)
    assert np.abs(sent - seen).mean() < np.abs(sent - seen[:, ::-1]).mean() / 2
