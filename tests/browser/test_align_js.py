"""The browser cuts out a face as the server does: the same golden values for both."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from ml.faces.crop import align, warp
from ml.faces.detect import detect
from tests.conftest import ROOT

from .conftest import agree
from .modules import call, data_url

pytestmark = pytest.mark.stack

GOLDEN = ROOT / "tests" / "ml" / "golden" / "align.json"


def test_align_gives_the_golden_transforms(visit: Callable[..., Page], browser: Browser) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    cases = json.loads(GOLDEN.read_text())
    given = call(page, "({ align }, cases) => cases.map(({ points, size }) => align(points, size))", cases)
    for case, found in zip(cases, given, strict=True):
        (a, minus_b, tx), (b, also_a, ty) = case["transform"]
        assert [found[name] for name in ("a", "b", "tx", "ty")] == pytest.approx([a, b, tx, ty], abs=1e-8), (
            case["name"]
        )
        assert (minus_b, also_a) == (-b, a)
    assert call(page, "({ align }) => align(Array.from({ length: 6 }, () => [5, 5]), 48)") is None


def test_crops_look_the_same(visit: Callable[..., Page], browser: Browser, astronaut: np.ndarray) -> None:
    page = visit(browser, "/consent/")
    agree(page)
    for size in (48, 96, 256):
        _assert_same_crop(page, astronaut, size)


def _assert_same_crop(page: Page, astronaut: np.ndarray, size: int) -> None:
    (face,) = detect(astronaut)
    wanted = warp(astronaut, align(face.points, size), size)
    rgba = call(
        page,
        """async ({ align, drawCrop }, [source, points, size]) => {
          const canvas = new OffscreenCanvas(size, size);
          const image = await window.picture(source);
          return [...drawCrop(canvas.getContext("2d"), image, align(points, size), size).data];
        }""",
        [data_url(astronaut), face.points.tolist(), size],
    )
    given = np.array(rgba, dtype=float).reshape(size, size, 4)[..., :3]
    assert np.abs(given - wanted).mean() < 3
    # Not shifted by half a pixel either, which the eye would not see: the nearest neighbour in place is the best.
    shifted = [np.abs(given - np.roll(wanted, step, axis=axis)).mean() for axis in (0, 1) for step in (-1, 1)]
    assert np.abs(given - wanted).mean() < min(shifted) / 2
