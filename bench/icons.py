"""Draw the site's icons as PNG, for phones that take no SVG: `python -m bench.icons`. Run it when the face changes.

It measures nothing, and so it runs by name only.
"""

import io
import os

os.environ.setdefault("SECRET_KEY", "only-for-drawing")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from collector.drawing import drawing

FOLDER = Path(__file__).resolve().parents[1] / "static" / "icons"
PAPER = "#fbf9f2"
# Name, side, how much of it the face fills, and whether it lies on paper: phones cut their own shape out of it.
ICONS = [
    ("icon-192.png", 192, 1.0, False),
    ("icon-512.png", 512, 1.0, False),
    ("icon-maskable-512.png", 512, 0.68, True),
    ("apple-touch-icon.png", 180, 0.8, True),
]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, side, share, on_paper in ICONS:
            page = browser.new_page(viewport={"width": side, "height": side})
            face = drawing("tongue", size=round(side * share))
            paper = f"background:{PAPER};" if on_paper else ""
            page.set_content(
                f'<body style="margin:0;{paper}display:grid;place-items:center;height:100vh">{face}'
            )
            shot = Image.open(io.BytesIO(page.screenshot(omit_background=not on_paper)))
            # Sixty-four colours are plenty for a flat drawing, and a third of the bytes.
            shot.quantize(64, method=Image.Quantize.FASTOCTREE).save(FOLDER / name, optimize=True)
            print(f"{name}: {(FOLDER / name).stat().st_size / 1024:.1f} KiB")
        browser.close()


if __name__ == "__main__":
    main()
