"""The advice while the preview runs: what it says of which picture, and that nothing depends on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from ml.faces.assets import MODELS
from ml.faces.crop import align, warp
from ml.faces.detect import detect
from ml.faces.quality import exposure, sharpness

from .conftest import LAPTOP, agree
from .modules import call, data_url
from .scenes import astronaut_at, scenes
from .test_volunteer import overlap

pytestmark = pytest.mark.stack

Visit = Callable[..., Page]

HINTS = {
    "good": "Just right",
    "far": "A bit closer",
    "close": "A bit further away",
    "aside": "Into the middle of the oval",
    "dark": "More light on your face",
    "blurred": "Blurred: hold still, or wipe the lens",
    "several": "One face at a time",
    "none": "No face in sight yet",
}

# A camera that films what the test puts before it.
FILM = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  const context = canvas.getContext("2d");
  window.scene = new Image();
  setInterval(() => window.scene.width && context.drawImage(window.scene, 0, 0), 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
}"""
PUT = "async (source) => { window.scene.src = source; await window.scene.decode(); }"
NO_RELAXED_SIMD = "WebAssembly.validate = () => false;"
SAVES_DATA = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"


def booth(visit: Visit, browser: Browser, *, script: str = "", **options: Any) -> Page:
    """The booth at its first prompt; `script` runs before those of the page."""
    page = visit(browser, "/consent/", **options)
    if script:
        page.add_init_script(script)
    agree(page)
    return page


def open_camera(page: Page) -> None:
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()


def test_each_picture_gets_its_advice(visit: Visit, browser: Browser, astronaut: np.ndarray) -> None:
    page = booth(visit, browser, viewport=LAPTOP)
    page.evaluate(FILM)
    pictures = scenes(astronaut)
    page.evaluate(PUT, data_url(pictures["none"]))
    open_camera(page)
    hint, stage = page.locator("[data-hint]"), page.locator("[data-stage]")
    for advice, picture in pictures.items():
        page.evaluate(PUT, data_url(picture))
        expect(hint).to_have_text(HINTS[advice])
        assert (stage.get_attribute("data-placed") is not None) == (advice == "good")
    expect(hint).to_have_attribute("role", "status")  # said politely


def test_browser_and_server_see_the_same_face(visit: Visit, browser: Browser, astronaut: np.ndarray) -> None:
    page = booth(visit, browser)
    pictures = [*scenes(astronaut).values(), astronaut, astronaut_at(astronaut, x=300, y=300, scale=1.9)]
    compared = 0
    for picture in pictures:
        wanted = detect(picture, second_pass=False)
        if not wanted:
            continue
        found = call(
            page,
            """async ({ measure }, source) => {
              const image = await window.picture(source);
              const faces = await window.detector.detect(image, image.naturalWidth, image.naturalHeight);
              return faces.map((face) => ({ ...face, quality: measure(image, face.points) }));
            }""",
            data_url(picture),
        )
        assert len(found) == len(wanted)
        for face in wanted:
            same = max(found, key=lambda seen: overlap(seen["box"], face.box.as_list()))
            assert overlap(same["box"], face.box.as_list()) >= 0.9
            assert same["score"] == pytest.approx(face.score, abs=0.05)
            crop = warp(picture, align(face.points, 128), 128)
            assert same["quality"]["sharpness"] == pytest.approx(sharpness(crop), abs=0.03)
            assert same["quality"]["brightness"] == pytest.approx(exposure(crop).brightness, abs=3)
            compared += 1
    assert compared >= 8


def test_the_detector_is_the_servers_own_file(visit: Visit, browser: Browser) -> None:
    page = booth(visit, browser)
    digest = page.evaluate(
        """async () => {
          const file = await fetch(document.querySelector("[data-booth]").dataset.detector);
          const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
          return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        }"""
    )
    assert digest == MODELS["blazeface"][1]


def test_the_webassembly_comes_after_the_camera(visit: Visit, browser: Browser) -> None:
    page = visit(browser, "/consent/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    agree(page)
    assert not [url for url in asked if "vendor/litert" in url or ".tflite" in url]
    with page.expect_request(
        lambda request: "litert_wasm_internal" in request.url and ".wasm" in request.url
    ):
        open_camera(page)
    assert not [url for url in asked if "compat" in url]


def test_without_relaxed_simd_the_compatible_build_does_it(visit: Visit, browser: Browser) -> None:
    page = booth(visit, browser, script=NO_RELAXED_SIMD, viewport=LAPTOP)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_camera(page)
    expect(page.locator("[data-hint]")).to_have_text(HINTS["aside"])
    builds = [url for url in asked if ".wasm" in url]
    assert builds
    assert all("litert_wasm_compat_internal" in url for url in builds)


@pytest.mark.parametrize("missing", ["**/*.wasm", "**/*.tflite", "**/vendor/litert/*.js"])
def test_capture_needs_none_of_it(visit: Visit, browser: Browser, missing: str) -> None:
    page = booth(visit, browser)
    page.route(missing, lambda route: route.abort())
    open_camera(page)
    page.wait_for_timeout(1_000)
    expect(page.locator("[data-hint]")).to_have_text("Fit your face into the oval")
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)
    page.get_by_role("button", name="Send 3").click()
    expect(page.get_by_text("We found your face.")).to_have_count(3)


def test_who_saves_data_is_asked_first(visit: Visit, browser: Browser) -> None:
    page = booth(visit, browser, script=SAVES_DATA, viewport=LAPTOP)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_camera(page)
    page.wait_for_timeout(1_000)
    assert not [url for url in asked if "vendor" in url]
    page.get_by_role("button", name="Help me with the light and the distance").click()
    expect(page.locator("[data-hint]")).to_have_text(HINTS["aside"])


def test_only_the_booth_may_run_webassembly(visit: Visit, browser: Browser) -> None:
    page = booth(visit, browser)
    for path, allowed in (("/booth/", True), ("/", False), ("/consent/", False), ("/photos/", False)):
        policy = page.request.get(path).headers["content-security-policy"]
        assert ("'wasm-unsafe-eval'" in policy) == allowed, path
        assert "'unsafe-eval'" not in policy


def test_advice_waits_until_it_has_held(visit: Visit, browser: Browser) -> None:
    page = booth(visit, browser)
    said = call(
        page,
        """({ Steady }) => {
          const said = [];
          const steady = new Steady((value) => said.push(value), { hold: 300, rest: 1000 });
          for (const at of [0, 400, 750]) steady.see("far", at);
          steady.see("close", 760); // a flicker
          for (const at of [800, 1200, 1800]) steady.see("good", at);
          return said;
        }""",
    )
    assert said == ["far", "good"]
