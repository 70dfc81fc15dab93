"""A browser in front of the running site. Chromium is the system's; its camera shows the astronaut."""

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.conftest import ROOT, LiveSite

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)
PHONE = {"width": 360, "height": 800}
LAPTOP = {"width": 1440, "height": 900}

expect.set_options(timeout=60_000)  # only failures last so long


@pytest.fixture(scope="session")
def portrait(astronaut: Any) -> Image.Image:
    """What the camera sees: head and shoulders, 1280×720."""
    return Image.fromarray(astronaut).crop((16, 0, 496, 270)).resize((1280, 720))


@pytest.fixture(scope="session")
def camera_film(portrait: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = io.BytesIO()
    portrait.save(frame, "JPEG", quality=92)
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    film.write_bytes(frame.getvalue() * 2)
    return film


# Package scope: Playwright's event loop must be gone before tests elsewhere use the database.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def launch(playwright: Playwright) -> Iterator[Callable[..., Browser]]:
    """Start a Chromium with further arguments; all are closed in the end."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium")
    browsers: list[Browser] = []

    def start(*arguments: str) -> Browser:
        browsers.append(playwright.chromium.launch(executable_path=path, args=[*QUIET, *arguments]))
        return browsers[-1]

    yield start
    for browser in browsers:
        browser.close()


@pytest.fixture(scope="package")
def browser(launch: Callable[..., Browser], camera_film: Path) -> Browser:
    """A browser with a camera that may be used."""
    return launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera_film}",
    )


@pytest.fixture(scope="package")
def browser_without_camera(launch: Callable[..., Browser]) -> Browser:
    return launch("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=0")


@pytest.fixture(scope="package")
def browser_that_refuses(launch: Callable[..., Browser]) -> Browser:
    return launch("--use-fake-device-for-media-stream", "--deny-permission-prompts")


@pytest.fixture
def visit(live_site: LiveSite) -> Iterator[Callable[..., Page]]:
    """Open a page of the site as somebody new: `visit(browser, "/", …options of the context)`.

    A test fails when a page it visited logged an error, a violated content security policy included.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(browser: Browser, path: str = "/", **options: Any) -> Page:
        options = {"viewport": PHONE, "ignore_https_errors": True, "base_url": live_site.url, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A page that is meant to answer 4xx, or a request that a test broke, is not the page's fault.
    assert [line for line in complaints if not line.startswith("Failed to load resource")] == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, to be evaluated: the content security policy keeps out script elements."""
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def agree(page: Page) -> None:
    """From the consent page into the booth, ticking only what is needed."""
    page.get_by_label("or older").check()
    page.get_by_label("train the networks").check()
    page.get_by_role("button", name="I agree, open the booth").click()
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()


def take_photos(page: Page) -> None:
    """From the prompt to three stills."""
    page.get_by_role("button", name="Open the camera").click()
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)
