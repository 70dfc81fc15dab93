"""The pieces laid flat: how each cut's relief, seams, pleats, prints and fittings are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.masks import fabric
from ml.masks.cuts import COLUMNS, CUTS, MARGIN, ROWS
from ml.masks.fabric import Array, bump, step

#: Texels between two vertices of the grid on which pieces are drawn.
FINEST = 16
_SEEDS = {"surgical": 1, "cloth": 2, "fold": 3, "half-mask": 4, "gas-mask": 5}


@dataclass
class Canvas:
    """What a drawer fills in: float32 [rows, columns] of texels, zero to begin with.

    Attributes:
        rng: the same for every drawing of this piece.
        u, v: as in ``ml.masks.cuts``.
        x, y: eye distances on the flat piece, zero in the middle.
        height: relief in eye distances.
        cavity: how much less light gets there, −1 to 0; above 0 for worn edges that catch more.
        tone: how much lighter or darker the dye is.
        gloss: 0 for cloth to 1.
        second, third: weights of the second and third colour.
        distance: to the outline in eye distances, positive inside.
        glass: how much of a window is there, 0 to 1; outside of the outline, for it is seen through.
        reflection: how much of the room's light the window throws back.
    """

    rng: np.random.Generator
    u: Array
    v: Array
    x: Array
    y: Array
    height: Array
    cavity: Array
    tone: Array
    gloss: Array
    second: Array
    third: Array
    distance: Array
    glass: Array
    reflection: Array


def canvas(family: str, variant: int) -> Canvas:
    """An empty piece of this cut, with its outline."""
    size = FINEST
    # A texel lies at (i + ½)/size − ½ of the vertices' grid.
    column = (np.arange(COLUMNS * size, dtype=np.float32) + 0.5) / size - 0.5
    row = (np.arange(ROWS * size, dtype=np.float32) + 0.5) / size - 0.5
    u, v = np.meshgrid(
        column / (COLUMNS - 1) * 2 * (1 + MARGIN) - (1 + MARGIN), row / (ROWS - 1) * (1 + 2 * MARGIN) - MARGIN
    )
    x, y = u * np.float32(0.98), (v - 0.5) * np.float32(1.12 if family != "gas-mask" else 1.75)
    half_x, half_y = 0.98, float((y[-1, 0] - y[0, 0]) / (v[-1, 0] - v[0, 0])) / 2
    corner = CUTS[family].corner
    dx, dy = np.abs(x) - (half_x - corner), np.abs(y) - (half_y - corner)
    distance = corner - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - np.minimum(np.maximum(dx, dy), 0)
    zero = np.zeros_like(x)
    seed = np.random.default_rng([_SEEDS[family], variant])
    return Canvas(seed, u, v, x, y, zero.copy(), zero.copy(), zero.copy(), zero.copy(), zero.copy(),
                   zero.copy(), distance.astype(np.float32), zero.copy(), zero.copy())  # fmt: skip


def _surgical(c: Canvas, pattern: str, valve: bool) -> None:
    across = np.abs(c.u)
    inside = step(0.93 - across, 0.06)
    # Three pleats that open in the middle: each a slow rise and a sharp fall, and a shadow under the fold.
    for place, deep in ((0.30, 1.0), (0.47, 0.9), (0.63, 1.0)):
        sag = fabric.noise(c.rng, c.u.shape, (110.0, 400.0)) * 0.006
        line = place + (place - 0.47) * 0.25 * (1 - c.u**2) + sag
        below = c.v - line
        deep *= c.rng.uniform(0.8, 1.15)
        c.height += 0.022 * deep * np.clip(1 + below / 0.15, 0, 1) * step(-below, 0.012)
        c.cavity -= (
            0.42 * deep * np.exp(-np.maximum(below, 0) / 0.030) * step(below, 0.010) * (0.35 + 0.65 * inside)
        )
        c.cavity += 0.10 * bump(below + 0.012, 0.010)
    c.height += 0.012 * fabric.creases(c.rng, c.x, c.y, 0.17) * inside
    for side in (-1, 1):
        for end in (-0.5, 0.5):
            c.height += 0.011 * fabric.pulls(c.rng, c.x, c.y, (side * 0.98, end), 0.34)
    # Gathers along the side seams.
    gather = np.sin(c.v * 44 + 3 * fabric.noise(c.rng, c.u.shape, (60.0, 25.0)))
    c.height += 0.004 * gather * np.exp(-np.maximum(0.96 - across, 0) / 0.09)
    c.tone += 0.020 * fabric.fleece(c.rng, c.x)
    # Point bonding: the fine lattice pressed into spunbond fleece.
    c.tone -= 0.02 * bump(np.hypot(np.mod(c.x, 0.026) - 0.013, np.mod(c.y, 0.026) - 0.013), 0.007)
    seam = across - 0.925
    c.height += 0.006 * step(seam, 0.012)
    c.cavity -= 0.16 * bump(seam, 0.008)
    c.cavity -= 0.10 * bump(np.mod(c.y, 0.045) - 0.022, 0.012) * step(seam - 0.02, 0.01)
    # Binding at the top with the wire in it, a hem at the bottom, and the white inner layer showing at the rim.
    c.cavity -= 0.15 * bump(c.v - 0.062, 0.006)
    c.height += 0.008 * bump(c.v - 0.034, 0.014) * step(0.42 - across, 0.06)
    c.cavity -= 0.10 * bump(c.v - 0.955, 0.006)
    rim = 0.014 + 0.006 * fabric.noise(c.rng, c.u.shape, (60.0, 400.0))
    c.third += 0.75 * step(rim - c.v, 0.008)
    c.third += 0.55 * step(0.010 - (1 - c.v), 0.008)
    c.tone += 0.03 * step(0.05 - c.v, 0.01)


def _cloth(c: Canvas, pattern: str, valve: bool) -> None:
    across = np.abs(c.u)
    threads = 34.0
    thread = fabric.weave(c.rng, c.x, c.y, threads)
    c.height += 0.0012 * thread
    c.tone += 0.018 * thread
    c.height += 0.026 * fabric.creases(c.rng, c.x, c.y, 0.18) + 0.009 * fabric.creases(c.rng, c.x, c.y, 0.07)
    for side in (-1, 1):
        for end in (-0.42, 0.42):
            c.height += 0.022 * fabric.pulls(c.rng, c.x, c.y, (side * 1.0, end), 0.42)
    # The seam down the middle that gives it its shape, and hems all around with their stitches.
    c.cavity -= 0.30 * bump(c.u, 0.009)
    c.height += 0.010 * (bump(c.u - 0.024, 0.020) + bump(c.u + 0.024, 0.020))
    hem = c.distance - 0.055
    c.height += 0.006 * step(-hem, 0.012)
    c.cavity -= 0.14 * bump(hem, 0.008)
    stitched = step(np.sin(2 * np.pi * (c.x + c.y) / 0.034), 0.8)
    c.cavity -= 0.22 * bump(hem + 0.018, 0.005) * stitched
    c.height += 0.006 * fabric.noise(c.rng, c.u.shape, (14.0, 14.0)) * step(-hem, 0.02)
    # The two halves are cut separately: their patterns do not meet at the seam.
    left = c.u < 0
    x = np.where(left, c.x + 0.031, c.x).astype(np.float32)
    warp = 0.012 * fabric.noise(c.rng, c.u.shape, (40.0, 40.0))
    c.second, c.third = fabric.PATTERNS[pattern](c.rng, x + warp, c.y + 0.5 * warp + 0.10 * (1 - across) ** 2)


def _fold(c: Canvas, pattern: str, valve: bool) -> None:
    across = np.abs(c.u)

    # Welded seams: along the fold, parallel to the edges, and one slanting across each cheek.
    def weld(distance: Array, depth: Array | float = 1.0, inside: Array | float = 1.0) -> None:
        c.height -= 0.010 * depth * bump(distance, 0.011) * inside
        c.cavity -= 0.22 * depth * bump(distance, 0.009) * inside
        c.cavity += 0.05 * bump(distance - 0.018, 0.010) * inside

    ridge = bump(c.u, 0.012)
    c.height += 0.016 * ridge
    c.tone += 0.05 * ridge
    c.cavity -= 0.09 * (bump(c.u - 0.045, 0.008) + bump(c.u + 0.045, 0.008))
    press = step(np.sin(2 * np.pi * c.y / 0.03), 0.8) * 0.5 + 0.5
    weld(c.distance - 0.058, 1.1)
    weld(c.distance - 0.028, 0.5 * press)
    clear = step(across - 0.07, 0.05) * step(c.distance - 0.05, 0.03)
    weld((c.v - 0.30 - 0.10 * across) * 1.0, 0.8, clear)
    weld((c.v - 0.68 + 0.08 * across) * 1.0, 0.8, clear)
    # The wire on the nose, and what folding and wearing did to the stiff fleece.
    c.height += 0.012 * bump(c.v - 0.085, 0.018) * step(0.36 - across, 0.05)
    c.tone += 0.012 * step(0.36 - across, 0.03) * bump(c.v - 0.085, 0.022)
    c.height += 0.012 * fabric.creases(c.rng, c.x, c.y, 0.26)
    c.height += 0.005 * fabric.creases(c.rng, c.x, c.y, 0.09) * clear
    for side in (-1, 1):
        c.height += 0.012 * fabric.pulls(c.rng, c.x, c.y, (side * 1.0, 0.0), 0.45)
    c.tone += 0.014 * fabric.fleece(c.rng, c.x)
    # The maker's marking, too small to be read.
    side = 1 if c.rng.random() < 0.5 else -1
    px, py = (c.x - side * 0.42) / 0.12, (c.y + 0.02) / 0.035
    text = step(np.sin(c.x * 260 + 2 * np.sin(c.x * 90)), 1.0) * step(1 - np.abs(px), 0.05)
    lines = step(np.sin(c.y * 2 * np.pi / 0.028), 0.6) * step(1 - np.abs(py), 0.1)
    c.third += 0.55 * text * lines
    if valve:
        _valve(c, 0.38, 0.06, 0.115)


def _valve(c: Canvas, x: float, y: float, radius: float) -> None:
    """A plastic exhalation valve: a rounded square with slots, in the second and third colour."""
    dx, dy = c.x - x, c.y - y
    reach = (np.abs(dx) ** 3.2 + np.abs(dy) ** 3.2) ** (1 / 3.2)
    body = step(radius - reach, 0.010)
    c.height[:] = c.height * (1 - body) + body * (0.045 - 0.02 * (reach / radius) ** 2)
    c.cavity[:] = c.cavity * (1 - body)
    c.cavity -= 0.45 * np.exp(-np.maximum(reach - radius, 0) / 0.018) * step(reach - radius, 0.006)
    slots = step(np.sin(2 * np.pi * dy / (radius * 0.36)) - 0.25, 0.6) * step(radius * 0.72 - reach, 0.012)
    c.cavity -= 0.38 * slots
    c.height -= 0.012 * slots
    c.cavity -= 0.2 * bump(reach - radius * 0.82, 0.008)
    c.second[:] = np.maximum(c.second, body)
    c.third[:] = c.third * (1 - body) + 0.4 * slots * body
    c.tone[:] = c.tone * (1 - body)
    c.gloss[:] = np.maximum(c.gloss, 0.45 * body)


def _rubber(c: Canvas, rough: float) -> None:
    c.tone += 0.02 * fabric.noise(c.rng, c.u.shape, (1.0, 1.0)) + 0.02 * fabric.noise(
        c.rng, c.u.shape, (20.0, 20.0)
    )
    c.height += rough * fabric.noise(c.rng, c.u.shape, (18.0, 18.0))
    c.gloss += 0.55 + 0.06 * fabric.noise(c.rng, c.u.shape, (12.0, 12.0))
    # A rolled lip at the rim.
    c.height += 0.035 * bump(c.distance - 0.045, 0.035)
    c.cavity -= 0.28 * bump(c.distance - 0.105, 0.022)


def _half_mask(c: Canvas, pattern: str, valve: bool) -> None:
    _rubber(c, 0.003)
    across = np.abs(c.u)
    # The hard shell over nose and mouth that carries the filters, and the outlet under it.
    shell = np.hypot(c.x / 0.36, (c.y - 0.02) / 0.40) - 1
    c.height += 0.05 * step(-shell, 0.10)
    c.cavity -= 0.40 * bump(shell, 0.05)
    c.third += 0.85 * step(-shell - 0.03, 0.05)
    c.gloss -= 0.15 * step(-shell, 0.05)
    _valve(c, 0.0, 0.20, 0.15)
    c.second *= 0
    for rib in (-0.16, -0.10, -0.04):
        c.height += 0.008 * bump(c.y - rib, 0.012) * step(0.12 - across, 0.03)


def _window(c: Canvas, inside: Array, high: float) -> None:
    """Clear plastic: the ceiling in its upper rim, a lamp or a window along each side, and smears.

    All of it fades about the eyes, where nothing may be drawn.
    """
    c.glass += step(inside + 0.02, 0.02)
    ceiling = 0.55 * np.exp(-np.maximum(c.v - high, 0) / 0.045)
    streaks = np.zeros_like(c.u)
    for side in (-1, 1):
        place = side * (c.rng.uniform(0.54, 0.60) + 0.10 * (c.v - 0.25))
        wide, strong = c.rng.uniform(0.03, 0.06), c.rng.uniform(0.4, 1.0)
        band = step(wide - np.abs(c.u - place), 0.05) + 0.5 * step(
            0.015 - np.abs(c.u - place + side * 0.09), 0.02
        )
        streaks += strong * band * step(c.v - high - 0.03, 0.04) * step(c.rng.uniform(0.30, 0.40) - c.v, 0.10)
    slant = c.u * c.rng.choice([-1, 1]) + 2.2 * (c.v - 0.25)
    streaks += 0.30 * step(0.07 - np.abs(slant - 0.02), 0.10)
    smears = 0.06 * np.maximum(fabric.noise(c.rng, c.u.shape, (26.0, 12.0)), 0)
    eyes = np.hypot((np.abs(c.u) - 0.37) / 0.26, (c.v - 0.27) / 0.085)
    clear = step(eyes - 1.35, 0.9)
    c.reflection += c.glass * (ceiling + streaks + smears) * clear
    c.glass *= 0.4 + 0.6 * clear


def _gas_mask(c: Canvas, pattern: str, valve: bool) -> None:
    _rubber(c, 0.004)
    # One wide window in a hard frame, with a notch for the nose.
    low, high = 0.445, 0.075
    dx = np.abs(c.x) - 0.71
    dy = (np.abs(c.v - (low + high) / 2) - (low - high) / 2) * 1.75 + 0.07 * bump(c.u, 0.14) * (c.v > 0.25)
    dx, dy = dx + 0.24, dy + 0.24
    inside = 0.24 - np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) - np.minimum(np.maximum(dx, dy), 0)
    c.distance[:] = np.minimum(c.distance, -inside)
    _window(c, inside, high)
    frame = bump(inside + 0.04, 0.03)
    c.height += 0.07 * frame
    c.third += 0.9 * step(0.045 - np.abs(inside + 0.04), 0.012)
    c.cavity -= 0.55 * bump(inside + 0.10, 0.018)
    c.gloss += 0.35 * frame
    # Screws of the frame's clamp, the cup over nose and mouth, and the speaking diaphragm in its ring.
    for angle in (0.52, -0.52):
        c.cavity += 0.3 * bump(np.hypot(c.x - angle, c.y - (low + 0.035 - 0.5) * 1.75), 0.018)
    cup = np.hypot(c.x / 0.44, (c.y - 0.36) / 0.46) - 1
    c.height += 0.07 * step(-cup, 0.12)
    c.cavity -= 0.5 * bump(cup, 0.05)
    ring = np.hypot(c.x, c.y - 0.26)
    c.height += 0.05 * bump(ring - 0.15, 0.03) + 0.02 * step(0.10 - ring, 0.02)
    c.third += 0.9 * step(0.19 - ring, 0.015)
    c.cavity -= 0.6 * bump(ring - 0.20, 0.02)
    c.cavity -= 0.5 * step(np.sin(ring * 190), 0.8) * step(0.105 - ring, 0.01)
    c.gloss += 0.3 * bump(ring - 0.15, 0.03)


#: cut → what draws its piece onto a canvas, given the pattern's name and whether it has a valve.
DRAWERS: dict[str, Callable[[Canvas, str, bool], None]] = {
    "surgical": _surgical,
    "cloth": _cloth,
    "fold": _fold,
    "half-mask": _half_mask,
    "gas-mask": _gas_mask,
}
