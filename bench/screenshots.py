"""Pictures of every page, at both sizes and in both themes: `python -m bench.screenshots`. It measures nothing.

The site is started in a folder of its own and filled with the astronaut's photos, NASA's and in the public domain:
nobody else's face is ever in them. `--full` takes whole pages, `--languages` others than English.
"""

import argparse
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "only-for-pictures")
os.environ.setdefault("SMIELFY_SAMPLES", "../shared/samples")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from skimage.data import astronaut

from tests.browser.scenes import astronaut_at
from tests.conftest import ROOT, LiveSite, running_site

SIZES = {"phone": {"width": 360, "height": 800}, "laptop": {"width": 1440, "height": 900}}
THEMES = ("light", "dark")
LARGEST = 145_000  # bytes

# Twenty volunteers, some of whose photos were accepted. The last one's cookie is printed, to look with; each walk
# through the site begins with a new one.
SEED = """
import random, time, uuid
from django.http import HttpResponse
from collector import participants
from collector.models import Photo, Scope, Smiley
from collector.selectors import consent_text_current
from collector.services import consent_give, photo_decided, photo_submit
pictures = [open(path, "rb").read() for path in PICTURES]
smileys = list(Smiley.objects.order_by("order"))
for number in range(FIRST, 20):
    own, dice = number == 19, random.Random(number + 23)
    who = consent_give(participant=None, text=consent_text_current(LANGUAGE), age_affirmed=True,
                       scopes=Scope.values[:2] if own else Scope.values).participant
    for turn, smiley in enumerate(dice.sample(smileys, 7) if own else smileys, start=not own):
        if not own and dice.random() > 0.15 + 0.75 * (smiley.order * 7 % 17) / 17:
            continue
        which = (smiley.order + number) % (len(pictures) - 1) if turn else -1
        photo = photo_submit(participant=who, smiley=smiley, client_id=uuid.uuid4(), data=pictures[which])[0]
        if turn and (not own or dice.random() > 0.4):
            photo_decided(photo=photo, accepted_as=smiley)
while Photo.objects.unprocessed().exists():
    time.sleep(0.3)
answer = HttpResponse()
participants.remember(answer, who)
print("COOKIE", answer.cookies[participants.COOKIE].value)
"""


REFUSE = """() => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--languages", nargs="+", default=["en"])
    parser.add_argument("--full", action="store_true", help="whole pages instead of what a window shows")
    parser.add_argument("--only", nargs="+", default=[], help="names of pages, such as landing")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--themes", nargs="+", default=list(THEMES), choices=THEMES)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    named = {"OPERATOR_NAME": "Example University", "OPERATOR_CONTACT": "faces@example.org"}
    with running_site(COUNT_TARGET="20", **named) as site:
        for language in chosen.languages:
            _take_all(site, site.data_dir, language, chosen)


def _take_all(site: LiveSite, folder: Path, language: str, chosen: argparse.Namespace) -> None:
    faces = _faces(folder)
    (folder / "face.mjpeg").write_bytes(Path(faces[0]).read_bytes() * 2)  # even numbers of pixels only
    _seed(site, faces, language, first=0)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                *("--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"),
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={folder / 'face.mjpeg'}",
            ],
        )
        for size in chosen.sizes:
            for theme in chosen.themes:
                context = browser.new_context(
                    is_mobile=size == "phone",
                    has_touch=size == "phone",
                    base_url=site.url,
                    ignore_https_errors=True,
                    viewport=SIZES[size],
                    color_scheme=theme,
                    reduced_motion="reduce",
                    locale=language,
                    extra_http_headers={"Accept-Language": language},
                )
                page = context.new_page()
                cookie = _seed(site, faces, language, first=19)
                for name in _pages(page, site, cookie, chosen.only):
                    middle = "" if language == "en" else f"-{language}"
                    _save(page, chosen.out / f"{name}{middle}-{size}-{theme}.jpg", full=chosen.full)
                context.close()
        browser.close()


def _faces(folder: Path) -> list[str]:
    """The astronaut as several selfies: nearer, farther, to a side, turned a little, and once in the dark."""
    original = Image.fromarray(astronaut())
    turned = original.rotate(8, Image.Resampling.BICUBIC, center=(226, 124)).crop((60, 10, 380, 250))
    dark = Image.blend(original, Image.new("RGB", original.size, (8, 10, 24)), 0.8)
    views = [
        _before_the_camera(),
        original.crop((106, 20, 346, 200)),
        original.crop((20, 0, 500, 360)),
        turned,
        original.crop((120, 0, 440, 240)),
        dark.crop((66, 0, 386, 240)),
    ]
    paths = [str(folder / f"face-{number}.jpg") for number in range(len(views))]
    for view, path in zip(views, paths, strict=True):
        view.resize((1280, round(1280 * view.height / view.width))).save(path, quality=92)
    return paths


def _before_the_camera() -> Image.Image:
    """The astronaut well placed in 1280×720; what the picture lacks at its sides is its own mirror image."""
    wider = np.pad(astronaut(), ((0, 0), (64, 64), (0, 0)), mode="reflect")
    return Image.fromarray(astronaut_at(wider, x=640 - 2.2 * 64, scale=2.2))


def _seed(site: LiveSite, faces: list[str], language: str, *, first: int) -> str:
    values = f"PICTURES, LANGUAGE, FIRST = {faces!r}, {language!r}, {first}"
    return site.manage("shell", "-v0", "-c", f"{values}\n{SEED}").split("COOKIE ", 1)[1].split()[0]


def _pages(page: Page, site: LiveSite, cookie: str, only: list[str]) -> Iterator[str]:
    """Walk through the site, and name each page when it is in the window."""
    wanted = lambda name: not only or name in only  # noqa: E731
    for name, path in {
        "landing": "/",
        "consent": "/consent/",
        "receipt": "/receipt/",
        "nothing-yet": "/photos/",
        "privacy": "/privacy/",
        "not-found": "/nothing-here/",
    }.items():
        if wanted(name):
            page.goto(path)
            yield name
    page.context.add_cookies(
        [{"name": "__Host-participant", "value": cookie, "url": site.url, "secure": True, "httpOnly": True}]
    )
    if wanted("my-photos"):
        page.goto("/photos/")
        page.wait_for_load_state("networkidle")
        yield "my-photos"
    if wanted("prompt"):
        page.goto("/booth/")
        page.wait_for_load_state("networkidle")
        yield "prompt"
    if wanted("denied"):
        page.goto("/booth/")
        page.evaluate(REFUSE)
        page.locator("[data-action=open]:visible").first.click()
        expect(page.locator("[data-problem=denied]")).to_be_visible()
        yield "denied"
    if wanted("camera") or wanted("choose") or wanted("sent"):
        page.goto("/booth/?smiley=tongue")
        page.locator("[data-action=open]:visible").first.click()
        shutter = page.locator("[data-action=shoot]")
        expect(shutter).to_be_visible(timeout=20_000)
        expect(page.locator("[data-stage][data-placed]")).to_be_visible(timeout=60_000)
        yield "camera"
        shutter.click()
        expect(page.locator(".frame")).to_have_count(3, timeout=20_000)
        page.keyboard.press("3")
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)
        yield "choose"
        page.locator("[data-action=send]").click()
        expect(page.locator(".sent-card[data-face=found]")).to_have_count(2, timeout=60_000)
        page.mouse.move(0, 0)
        yield "sent"
    if wanted("code"):
        page.goto("/photos/")
        page.locator("form[action='/receipt/new/'] button").first.click()
        expect(page.locator("[data-code]")).to_be_visible()
        page.locator("[data-code]").evaluate("(code) => { code.textContent = 'C4PT-7GRN-W2KQ-9XMF'; }")
        page.locator(".ticket-words .small").evaluate(
            "(line, host) => { line.textContent = line.textContent.replace(host, 'smielfy.example'); }",
            site.url.removeprefix("https://"),
        )
        yield "code"


def _save(page: Page, path: Path, *, full: bool) -> None:
    shot = Image.open(io.BytesIO(page.screenshot(full_page=full))).convert("RGB")
    for quality in (86, 78, 68, 55):
        shot.save(path, "JPEG", quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
