"""How fast hands can be: 240 photos in the grid and 40 singly by keyboard, in a real browser, and nobody looking.

What a reviewer waits for is the time from Enter, or from the verdict's key, until the next is shown: it should have
been there already. Between two pages the machine waits until the next is loaded, as it is while somebody looks.
"""

import os
import shutil
import statistics
import time

os.environ.setdefault("SECRET_KEY", "only-for-measuring")
os.environ.setdefault("SMIELFY_SAMPLES", "../shared/samples")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from skimage.data import astronaut

from tests.browser.review_site import SEED
from tests.conftest import running_site

PAGES, SINGLY = 10, 40


def main() -> None:
    with running_site() as site:
        face = site.data_dir / "face.jpg"
        Image.fromarray(astronaut()).crop((16, 0, 496, 270)).resize((1280, 720)).save(face, quality=90)
        site.manage("shell", "-v0", "-c", SEED.format(picture=str(face), count=360))
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            window = {"width": 1440, "height": 900}
            page = browser.new_page(base_url=site.url, ignore_https_errors=True, viewport=window)
            sign_in(page)
            grid(page)
            singly(page)
            browser.close()


def sign_in(page: Page) -> None:
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("rita")
    page.get_by_label("Password").fill("correct horse rita")
    page.get_by_role("button", name="Log in").press("Enter")
    expect(page.locator("#user-tools")).to_be_visible()


def grid(page: Page) -> None:
    page.goto("/admin/review/grid/?smiley=tongue")
    expect(page.locator(".cell")).to_have_count(24)
    start = time.perf_counter()
    for number in range(PAGES):
        if number < PAGES - 1:
            ahead(page, number + 2)
        page.keyboard.press("w")
        page.keyboard.press("Enter")
        marked(page, "page-shown", number + 2)
    minutes = (time.perf_counter() - start) / 60
    said = waits(page, "page-recorded", "page-shown")[: PAGES - 1]
    print(
        f"grid:   {24 * PAGES / minutes:6.0f} photos a minute of machine time; Enter to the next page {said_of(said)}"
    )


def singly(page: Page) -> None:
    page.goto("/admin/review/single/")
    marked(page, "photo-shown", 1)
    start = time.perf_counter()
    for number in range(SINGLY):
        if number % 6 == 5:
            ahead(page, number // 6 + 2)
        page.keyboard.press("mu13"[number % 4])
        marked(page, "photo-shown", number + 2)
    minutes = (time.perf_counter() - start) / 60
    said = waits(page, "photo-judged", "photo-shown")
    print(f"singly: {SINGLY / minutes:6.0f} photos a minute; key to the next photo {said_of(said)}")


def ahead(page: Page, batches: int) -> None:
    marked(page, "batch-ready", batches)


def marked(page: Page, name: str, times: int) -> None:
    page.wait_for_function(
        "([name, times]) => performance.getEntriesByName(name).length >= times", arg=[name, times]
    )


def waits(page: Page, begin: str, end: str) -> list[float]:
    """Milliseconds from each `begin` that the page marked to the `end` after it."""
    at = {
        name: page.evaluate(
            "(name) => performance.getEntriesByName(name).map((mark) => mark.startTime)", name
        )
        for name in (begin, end)
    }
    return [min(ended for ended in at[end] if ended >= begun) - begun for begun in at[begin]]


def said_of(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} ms (worst {max(times):.0f})"


if __name__ == "__main__":
    main()
