"""A mask laid flat: relief, colour weights and outline as textures, drawn once for each kind and kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.masks import fabric
from ml.masks.cuts import COLUMNS, CUTS, MARGIN
from ml.masks.fabric import Array, bump, step
from ml.masks.pieces import DRAWERS, FINEST, canvas

Texture = NDArray[np.uint8]

#: Texels between two vertices of the grid, from the finest level down.
LEVELS = (FINEST, 8, 5)
#: Rows of vertices for one filter: middle, three rings, edge, wall, neck.
DISC_ROWS = 7
#: From relief (in eye distances) to slope as the textures hold it.
SLOPE_UNIT = 2.0
#: Texels on either side of the outline over which the distance to it is known.
_REACH = 12.0


@dataclass(frozen=True)
class Template:
    """Textures at several sizes; index as in :data:`LEVELS`.

    Attributes:
        relief: uint8 [h, w, 4]: cavity (128 is none, less is darker), slope along u, slope along v (128 is flat),
            gloss.
        blend: uint8 [h, w, 4]: weight of the second colour, of the third, distance to the outline (128 is on it),
            tone (128 is as dyed).
        trimmed: whether the third colour is anywhere.
        window: uint8 [h, w, 2], how much glass is there and how much it throws back; empty where there is none.
    """

    relief: tuple[Texture, ...]
    blend: tuple[Texture, ...]
    trimmed: bool
    window: tuple[Texture, ...]


def disc_textures(variant: int) -> tuple[Array, Array, Array, Array, Array]:
    """A can seen from its middle outwards: (height, cavity, second, third, gloss) [rows, columns] of its texture."""
    size = LEVELS[0]
    rng = np.random.default_rng([77, variant])
    rows = (np.arange(DISC_ROWS * size, dtype=np.float32) + 0.5) / size - 0.5
    radius = rows[:, None] / (DISC_ROWS - 3)  # 1 at the rim, more on the wall
    columns = (np.arange(COLUMNS * size, dtype=np.float32) + 0.5) / size - 0.5
    turn = (columns * (2 * np.pi / (COLUMNS - 1)))[None, :]
    shape = (len(rows), turn.shape[1])
    face = step(0.86 - radius, 0.03) * np.ones(shape, np.float32)
    cavity = -0.30 * bump(radius - 0.88, 0.03) - 0.12 * bump(radius - 0.30, 0.02) + 0 * turn
    ribs = 0.7 + 0.3 * step(np.sin(turn * 40), 0.8)
    cavity = cavity - 0.35 * step(radius - 1.06, 0.2) * step(1.3 - radius, 0.05) * ribs
    cavity = cavity - 0.10 * step(np.sin(turn * 24), 0.8) * bump(radius - 0.6, 0.16)
    height = np.asarray(0.01 * bump(radius - 0.94, 0.04) + 0 * turn, np.float32)
    third = np.asarray(0.9 * (1 - face) * (radius < 1.05) + 0 * turn, np.float32)
    third = third + 0.9 * (radius >= 1.05)
    gloss = np.full(shape, 0.25, np.float32) + 0.3 * third
    cavity = (
        cavity + 0.03 * fabric.noise(rng, shape, (3.0, 3.0)) + 0.02 * fabric.noise(rng, shape, (1.0, 1.0))
    )
    return height, np.asarray(cavity, np.float32), np.ones(shape, np.float32), np.clip(third, 0, 1), gloss


@lru_cache(maxsize=48)
def template(family: str, pattern: str, valve: bool, variant: int) -> Template:
    """The textures of one piece; the colours are not in them. 1.4 to 2.5 MB each, some 60 ms the first time."""
    c = canvas(family, variant)
    DRAWERS[family](c, pattern, valve)
    # Rims turn towards the skin: a little darker, and lit from where they bend to.
    c.height += 0.012 * step(c.distance - 0.008, 0.022)
    c.cavity -= 0.10 * bump(c.distance, 0.010)
    distance = c.distance * (COLUMNS - 1) * LEVELS[0] / (2 * (1 + MARGIN) * 0.98)
    layers = [c.height, c.cavity, c.second, c.third, c.gloss, distance, c.tone, c.glass, c.reflection]
    discs = CUTS[family].discs
    if discs:
        height, cavity, second, third, gloss = disc_textures(variant)
        far = np.full_like(height, 99.0)
        can = [height, cavity, second, third, gloss, far, *[np.zeros_like(height)] * 3]
        count = sum(2 if disc.mirrored else 1 for disc in discs)
        # Each can is a block of rows below the mask. A vertex lies in the middle of its row of texels, so that
        # nothing is ever read across the border between two blocks.
        layers = [np.vstack([layer, *([can[k]] * count)]) for k, layer in enumerate(layers)]
    height, cavity, second, third, gloss, distance, tone, glass, reflection = layers
    texel = 2 * (1 + MARGIN) * 0.98 / ((COLUMNS - 1) * LEVELS[0])
    slope_v, slope_u = np.gradient(height, texel)
    relief = np.dstack([
        128 + 127 * cavity, 128 + 127 * slope_u / SLOPE_UNIT, 128 + 127 * slope_v / SLOPE_UNIT, 255 * gloss,
    ])  # fmt: skip
    blend = np.dstack([255 * second, 255 * third, 128 + distance * (127 / _REACH), 128 + 127 * tone])
    window = np.dstack([255 * glass, 255 * reflection])
    relief, blend, window = (np.clip(x + 0.5, 0, 255).astype(np.uint8) for x in (relief, blend, window))
    return Template(
        _pyramid(relief),
        _pyramid(blend),
        trimmed=bool((third > 0.01).any()),
        window=_pyramid(window) if window.any() else (),
    )


def _pyramid(texture: Texture) -> tuple[Texture, ...]:
    rows, columns = (side // LEVELS[0] for side in texture.shape[:2])
    return tuple(
        np.ascontiguousarray(
            cv2.resize(texture, (columns * level, rows * level), interpolation=cv2.INTER_AREA)
            if level != LEVELS[0]
            else texture
        )
        for level in LEVELS
    )
