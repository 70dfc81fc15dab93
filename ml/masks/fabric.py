"""What masks are made of: noise, threads, creases and printed patterns, drawn once for each template.

Everything here is a map over one mask laid flat; ``x`` and ``y`` [H, W] are lengths on it in eye distances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[float, float]) -> Array:
    """Smooth noise [H, W] of mean 0 and deviation 1; ``sigma`` in texels along x and y."""
    raw = rng.standard_normal(shape[:2]).astype(np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1], borderType=cv2.BORDER_REFLECT)
    soft -= soft.mean()
    return np.asarray(soft / (soft.std() + 1e-9), dtype=np.float32)


def step(values: Array, width: float) -> Array:
    """A soft step from 0 to 1 around zero, ``width`` wide."""
    t = np.clip(values / width + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def bump(values: Array, width: float) -> Array:
    """A soft ridge of height 1 at zero."""
    return np.asarray(np.exp(-((values / width) ** 2)), dtype=np.float32)


def fleece(rng: np.random.Generator, x: Array) -> Array:
    """The felted fibres of a surgical mask or filter: fine, without direction, with some longer threads."""
    fine = noise(rng, x.shape, (0.7, 0.7)) * 0.6 + noise(rng, x.shape, (2.2, 0.8)) * 0.3
    return np.asarray(fine + noise(rng, x.shape, (5.0, 5.0)) * 0.5, dtype=np.float32)


def weave(rng: np.random.Generator, x: Array, y: Array, threads: float) -> Array:
    """A plain weave with ``threads`` to an eye distance, no two threads quite alike."""
    wobble = noise(rng, x.shape, (9.0, 9.0)) * 0.15
    warp = np.sin(2 * np.pi * threads * x + wobble * 3) * np.cos(np.pi * threads * y)
    weft = np.sin(2 * np.pi * threads * y - wobble * 3) * np.cos(np.pi * threads * x)
    slub = noise(rng, x.shape, (14.0, 0.7)) * 0.4 + noise(rng, x.shape, (0.7, 14.0)) * 0.4
    return np.asarray((warp - weft) * 0.5 + slub, dtype=np.float32)


def creases(rng: np.random.Generator, x: Array, y: Array, size: float) -> Array:
    """Cloth that was worn and folded: wide waves and a few sharper creases, about ``size`` apart."""
    texels = size * x.shape[1] / float(np.ptp(x))
    tilt = rng.uniform(0.6, 1.6)
    waves = noise(rng, x.shape, (texels * tilt, texels / tilt))
    sharp = 1 - np.abs(noise(rng, x.shape, (texels * 0.8, texels * 0.5)))
    where = step(noise(rng, x.shape, (texels, texels)), 2.0)
    return np.asarray(waves * 0.55 + np.maximum(sharp, -0.5) * where * 0.7, dtype=np.float32)


def pulls(rng: np.random.Generator, x: Array, y: Array, corner: tuple[float, float], reach: float) -> Array:
    """Folds that run out from a corner at which the cloth is pulled, over ``reach``."""
    dx, dy = x - corner[0], y - corner[1]
    distance = np.hypot(dx, dy)
    angle = np.arctan2(dy, np.abs(dx)) + noise(rng, x.shape, (30.0, 30.0)) * 0.08
    folds = np.sin(angle * rng.uniform(9, 15) + rng.uniform(0, 6.3))
    # At the corner itself all folds meet in one knot: they begin a little way out.
    return np.asarray(
        folds * np.exp(-((distance / reach) ** 2)) * np.clip(distance / (reach * 0.35), 0, 1), np.float32
    )


def _checks(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    size = rng.uniform(0.075, 0.13)
    across = step(np.sin(np.pi * x / size), 0.25)
    down = step(np.sin(np.pi * y / size), 0.25)
    return np.asarray((across + down) / 2, np.float32), np.zeros_like(x)


def _tartan(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    size = rng.uniform(0.28, 0.4)
    first, second = np.zeros_like(x), np.zeros_like(x)
    for along in (x, y):
        place = np.mod(along / size, 1)
        first += step(0.2 - np.abs(place - 0.3), 0.04) * 0.5
        second += bump(place - 0.75, 0.03) * 0.6
    return np.asarray(first, np.float32), np.asarray(second, np.float32)


def _stripes(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    angle = rng.choice([0.0, np.pi / 2, np.pi / 2, np.pi / 4])
    size = rng.uniform(0.06, 0.11)
    along = x * np.cos(angle) + y * np.sin(angle)
    share = rng.uniform(-0.4, 0.5)
    return step(np.sin(2 * np.pi * along / size / 1.3) + share, 0.4), np.zeros_like(x)


def _dots(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    size = rng.uniform(0.11, 0.17)
    radius = size * rng.uniform(0.2, 0.3)
    row = np.floor(y / (size * 0.87))
    px = np.mod(x + row * size / 2, size) - size / 2
    py = np.mod(y, size * 0.87) - size * 0.435
    return step(radius - np.hypot(px, py), 0.012), np.zeros_like(x)


def _flowers(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    """Petals in the first weight, leaves and flower centres in the second."""
    zoom = 2
    shape = (x.shape[0] * zoom, x.shape[1] * zoom)
    unit = shape[1] / float(np.ptp(x))
    petals, leaves = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    cell = rng.uniform(0.19, 0.26)
    for gy in np.arange(y.min(), y.max() + cell, cell * 0.9):
        for gx in np.arange(x.min(), x.max() + cell, cell):
            cx, cy = (np.array([gx - x.min(), gy - y.min()]) + rng.uniform(-0.35, 0.35, 2) * cell) * unit
            size = rng.uniform(0.16, 0.32) * cell * unit
            turn = rng.uniform(0, 6.3)
            for _ in range(int(rng.integers(0, 4))):
                leaf = turn + rng.uniform(0, 6.3)
                at = (int(cx + np.cos(leaf) * size * 1.5), int(cy + np.sin(leaf) * size * 1.5))
                cv2.ellipse(leaves, at, (int(size * 0.6) + 1, int(size * 0.22) + 1), float(np.degrees(leaf)),
                            0, 360, 210, -1)  # fmt: skip
            count = int(rng.integers(4, 7))
            for petal in range(count):
                way = turn + petal * 2 * np.pi / count
                at = (int(cx + np.cos(way) * size * 0.62), int(cy + np.sin(way) * size * 0.62))
                shade = int(rng.integers(175, 256))
                cv2.ellipse(petals, at, (int(size * 0.52) + 1, int(size * 0.36) + 1), float(np.degrees(way)),
                            0, 360, shade, -1)  # fmt: skip
            cv2.circle(leaves, (int(cx), int(cy)), int(size * 0.24) + 1, 255, -1)
    small = [cv2.resize(layer, x.shape[::-1], interpolation=cv2.INTER_AREA) for layer in (petals, leaves)]
    return np.asarray(small[0] / 255.0, np.float32), np.asarray(small[1] / 255.0, np.float32)


def _patches(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    """Camouflage and the like: two layers of patches with crisp edges."""
    texels = x.shape[1] / float(np.ptp(x)) * rng.uniform(0.05, 0.08)
    first = step(noise(rng, x.shape, (texels * 1.5, texels)) - 0.1, 0.12)
    second = step(noise(rng, x.shape, (texels * 1.2, texels * 0.8)) - 0.7, 0.12)
    return first, second


def _letters(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    """A printed motif on one side, as brands do: a ring, a bar or a zigzag."""
    side = rng.choice([-1.0, 1.0])
    px, py = x - side * rng.uniform(0.3, 0.45), y - rng.uniform(-0.05, 0.2)
    kind = int(rng.integers(3))
    if kind == 0:
        motif = step(0.022 - np.abs(np.hypot(px, py) - 0.1), 0.012)
    elif kind == 1:
        motif = step(0.02 - np.abs(np.mod(py, 0.07) - 0.035), 0.012) * step(0.16 - np.abs(px), 0.01)
        motif *= step(0.1 - np.abs(py), 0.01)
    else:
        zigzag = np.abs(np.mod(px, 0.1) - 0.05) * 1.6
        motif = step(0.018 - np.abs(py - zigzag + 0.04), 0.012) * step(0.2 - np.abs(px), 0.01)
    return np.asarray(motif, np.float32), np.zeros_like(x)


def _plain(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    return np.zeros_like(x), np.zeros_like(x)


#: name → drawer of two weights [H, W] in 0…1: how much of the second and of the third colour is there.
PATTERNS: dict[str, Callable[[np.random.Generator, Array, Array], tuple[Array, Array]]] = {
    "plain": _plain,
    "checks": _checks,
    "tartan": _tartan,
    "stripes": _stripes,
    "dots": _dots,
    "flowers": _flowers,
    "patches": _patches,
    "motif": _letters,
}
