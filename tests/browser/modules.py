"""Calling the booth's JavaScript modules from a test, by the names with hashes under which the page imports them."""

import base64
import io
from typing import Any

import numpy as np
from django.templatetags.static import static
from PIL import Image
from playwright.sync_api import Page

# Gives `code` the modules it names and one detector; all of a page's calls share one runtime, as the booth does.
_CALL = """async ([addresses, code, argument]) => {
  const modules = Object.assign({}, ...(await Promise.all(addresses.map((address) => import(address)))));
  const settings = document.querySelector("[data-booth]").dataset;
  window.litert ??= new modules.LiteRt(settings);
  window.detector ??= new modules.FaceDetector(await window.litert.network(settings.detector));
  window.picture = async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    return image;
  };
  return window[code](modules, argument);
}"""
_MODULES = (
    "align",
    "face-detector",
    "face-quality",
    "litert",
    "live-score",
    "placement",
    "steady",
    "visitor",
)


def call(page: Page, function: str, argument: Any = None) -> Any:
    """Run `async (modules, argument) => …` in the booth's page, and return what it returns."""
    addresses = [static(f"js/{name}.js") for name in _MODULES]
    # A function and not a string, for the page's policy allows no eval.
    page.evaluate(f"() => {{ window.wanted = {function}; }}")
    return page.evaluate(_CALL, [addresses, "wanted", argument])


def data_url(picture: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
