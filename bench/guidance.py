"""How smooth the preview stays while the browser looks for the face in it, in headless Chromium without a GPU.

The booth of the running site, a fake camera of 1280×720 at 30 frames/s. The bound is the preview alone. Beside the
frames: how long one look takes (detector and measures), and how long after the camera the first advice is there.
"""

import io
import itertools
import logging
import os
import shutil
import statistics
import time
from pathlib import Path

SECONDS = 8
BUILDS = {"plain": "", "compatible": "WebAssembly.validate = () => false;"}
# Frames the compositor was given, and what stood in between.
FRAMES = """(seconds) => new Promise((resolve) => {
  const video = document.querySelector("[data-preview]");
  const times = [];
  const next = (now) => {
    times.push(now);
    if (now - times[0] < 1000 * seconds) video.requestVideoFrameCallback(next);
    else resolve(times);
  };
  video.requestVideoFrameCallback(next);
})"""
SAVES_DATA = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } });"


def main() -> None:
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()  # for the names of the static files
    logging.disable(logging.WARNING)
    from tests.conftest import running_site

    with running_site() as site:
        measure(site.url, film(site.data_dir))


def film(folder: Path) -> Path:
    from PIL import Image
    from skimage import data

    frame = io.BytesIO()
    Image.fromarray(data.astronaut()).crop((16, 0, 496, 270)).resize((1280, 720)).save(frame, "JPEG")
    path = folder / "face.mjpeg"
    path.write_bytes(frame.getvalue() * 2)
    return path


def measure(url: str, camera: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={camera}",
            ],
        )
        for size in ({"width": 360, "height": 800}, {"width": 1440, "height": 900}):
            report(browser, url, size, "without guidance (bound)", SAVES_DATA)
            for name, script in BUILDS.items():
                report(browser, url, size, f"with guidance, {name} build", script)
        browser.close()


def report(browser: object, url: str, size: dict[str, int], name: str, script: str) -> None:
    from playwright.sync_api import expect

    context = browser.new_context(viewport=size, ignore_https_errors=True, base_url=url)  # type: ignore[attr-defined]
    context.add_init_script(script)
    page = context.new_page()
    page.goto("/consent/")
    page.get_by_label("or older").check()
    page.get_by_label("train the networks").check()
    page.get_by_role("button", name="I agree, open the booth").click()
    page.get_by_role("button", name="Open the camera").click()
    expect(page.get_by_role("button", name="Take three photos")).to_be_visible()
    start = time.perf_counter()
    advice = ""
    if script != SAVES_DATA:
        expect(page.locator("[data-hint]")).not_to_have_text("Fit your face into the oval", timeout=60_000)
        advice = f"    advice after {time.perf_counter() - start:.1f} s"
    times = page.evaluate(FRAMES, SECONDS)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    rate = 1000 * len(gaps) / (times[-1] - times[0])
    if script != SAVES_DATA:
        advice += f", a look {look_milliseconds(page):.0f} ms"
    print(
        f"{size['width']:4}×{size['height']}  {name:38} {rate:5.1f} frames/s"
        f"    longest gap {max(gaps):4.0f} ms{advice}",
        flush=True,
    )
    context.close()


def look_milliseconds(page: object) -> float:
    """One look at the preview, again and again, in the page."""
    from tests.browser.modules import call

    times = call(
        page,  # type: ignore[arg-type]
        """async ({ measure }) => {
          const video = document.querySelector("[data-preview]");
          const times = [];
          for (let look = 0; look < 30; look += 1) {
            const start = performance.now();
            const [face] = await window.detector.detect(video, video.videoWidth, video.videoHeight);
            if (face) measure(video, face.points);
            times.push(performance.now() - start);
          }
          return times;
        }""",
    )
    return statistics.median(times)


if __name__ == "__main__":
    main()
