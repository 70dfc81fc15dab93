"""Anybody tries the models, with the camera or a picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .test_live import CLASSES, active, artifact

__all__ = ["active", "artifact"]
pytestmark = pytest.mark.stack


@pytest.mark.usefixtures("active")
def test_camera_and_picture_both_get_their_answers(
    visit: Callable[..., Page], browser: Browser, tmp_path: Path, astronaut_jpeg: bytes
) -> None:
    page = visit(browser, "/try/")
    page.get_by_role("button", name="Open the camera").click()
    page.wait_for_function("() => document.querySelector('[data-preview]').videoWidth > 0")
    page.get_by_role("button", name="Take it").click()
    points = page.get_by_alt_text("Your face with fifteen points on it")
    expect(points).to_be_visible()
    assert page.evaluate("() => document.querySelector('[data-preview]').srcObject") is None, (
        "the camera is off"
    )
    expect(page.locator("[data-bars] li")).to_have_count(len(CLASSES))
    first = points.get_attribute("src")
    (tmp_path / "me.jpg").write_bytes(astronaut_jpeg)
    page.set_input_files("input[data-picture]", tmp_path / "me.jpg")
    expect(points).not_to_have_attribute("src", first or "")
    masked = page.get_by_alt_text("Your face with a mask on")
    before = masked.get_attribute("src")
    page.get_by_label("Which mask").select_option("gas-mask")
    expect(masked).not_to_have_attribute("src", before or "")
    (tmp_path / "none.jpg").write_bytes(b"no picture")
    page.set_input_files("input[data-picture]", tmp_path / "none.jpg")
    expect(page.get_by_text("This browser cannot open that picture.")).to_be_visible()
