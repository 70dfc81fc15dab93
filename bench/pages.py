"""How much each page weighs and how soon it can be used, by the browser's own timing, in headless Chromium.

On the machine itself and as a phone on a slow network would have it (a processor four times slower, 1.6 Mbit/s, 150 ms
there and back: what Lighthouse calls slow 4G). Beside the pages: what the booth loads before and after the camera
runs, and how long it takes from a photo sent to thanks, to a face found.
"""

import logging
import os
import shutil
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

LANDING_LIMIT = 60 * 1024
SLOW = {"latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8, "offline": False}
SLOWER_PROCESSOR = 4
SIZE = {"width": 360, "height": 800}

# Whatever the browser knows of the page that it shows.
TIMING = """() => new Promise((resolve) => {
  const [page] = performance.getEntriesByType("navigation");
  const files = [page, ...performance.getEntriesByType("resource")];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  let [largest, shift] = [0, 0];
  new PerformanceObserver((list) => { largest = list.getEntries().at(-1).startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) shift += entry.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve({
    bytes: files.reduce((sum, file) => sum + file.transferSize, 0),
    requests: files.length,
    paint: paint?.startTime ?? NaN,
    largest,
    interactive: page.domInteractive,
    ready: page.domContentLoadedEventEnd,
    loaded: page.loadEventEnd,
    shift,
  }), 100);
})"""


def main() -> None:
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from bench.guidance import film
    from tests.conftest import running_site

    with running_site() as site:
        measure(site.url, film(site.data_dir))


def measure(url: str, camera: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"),
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera}",
            ],
        )
        print(f"{'':28}{'bytes':>9} {'files':>5}{'first':>8}{'largest':>8}{'usable':>8}{'loaded':>8}   shift")
        for slow in (False, True):
            pages(browser, url, slow=slow)
        booth(browser, url)
        browser.close()


def pages(browser: Browser, url: str, *, slow: bool) -> None:
    """Each page with an empty cache; the booth for somebody who has agreed."""
    for path in ("/", "/consent/", "/booth/", "/photos/", "/privacy/", "/receipt/"):
        context, page = visit(browser, url)
        if path in ("/booth/", "/photos/"):
            agree(page)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.clearBrowserCache")
        if slow:
            session.send("Network.emulateNetworkConditions", SLOW)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_PROCESSOR})
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found = page.evaluate(TIMING)
        note = ""
        if path == "/":
            note = f"   {found['bytes'] / LANDING_LIMIT:.0%} of {LANDING_LIMIT // 1024} KB"
        name = f"{path} {'(slow phone)' if slow else ''}"
        times = "".join(f"{found[key]:5.0f} ms" for key in ("paint", "largest", "ready", "loaded"))
        print(
            f"{name:28}{found['bytes']:9,} {found['requests']:5}{times}{found['shift']:8.3f}{note}",
            flush=True,
        )
        context.close()


def booth(browser: Browser, url: str) -> None:
    """What is loaded when, and how long a volunteer waits."""
    context, page = visit(browser, url)
    agree(page)
    page.wait_for_load_state("networkidle")
    before = transferred(page)
    start = time.perf_counter()
    page.get_by_role("button", name="Open the camera").click()
    page.wait_for_function("() => document.querySelector('[data-preview]').videoWidth > 0")
    runs = time.perf_counter() - start
    expect(page.locator("[data-hint]")).not_to_have_text("Fit your face into the oval", timeout=60_000)
    advised = time.perf_counter() - start
    after = transferred(page)
    print(
        f"booth until the camera is asked for: {before:,} bytes; the networks, after it runs: {after - before:,}"
    )
    print(f"camera asked for → preview {1000 * runs:.0f} ms → first advice {1000 * advised:.0f} ms")
    page.get_by_role("button", name="Take three photos").click()
    expect(page.locator(".frame")).to_have_count(3)
    start = time.perf_counter()
    page.get_by_role("button", name="Send 3").click()
    expect(page.get_by_role("heading", name="Sent. Thank you!")).to_be_visible()
    thanked = time.perf_counter() - start
    expect(page.get_by_text("We found your face.")).to_have_count(3)
    print(
        f"three photos sent → thanks {1000 * thanked:.0f} ms → faces found {time.perf_counter() - start:.1f} s"
    )
    context.close()


def visit(browser: Browser, url: str) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport=SIZE, ignore_https_errors=True, base_url=url)
    return context, context.new_page()


def agree(page: Page) -> None:
    page.goto("/consent/")
    page.get_by_label("or older").check()
    page.get_by_label("train the networks").check()
    page.get_by_role("button", name="I agree, open the booth").click()
    expect(page.get_by_role("button", name="Open the camera")).to_be_visible()


def transferred(page: Page) -> int:
    """Bytes of all files that the page has loaded so far."""
    sizes = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .reduce((sum, file) => sum + file.transferSize, 0)"""
    return int(page.evaluate(sizes))


if __name__ == "__main__":
    main()
