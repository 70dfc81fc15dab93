"""The straps of a mask: from under its edge over the cheek to behind the ear or the head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.masks.cuts import CUTS
from ml.masks.surface import FaceSheet, directions, unit

Array = NDArray[np.floating[Any]]

#: Points of a strap, evenly along its path.
_STRAP_POINTS = 14
#: So many of them lie under the mask.
UNDER_MASK = 4


@dataclass(frozen=True)
class Ribbon:
    """One strap as it is seen: two edges float32 [N, 2] in pixels, and the unit normal [N, 3] along it."""

    upper: Array
    lower: Array
    normals: Array


@cache
def _strap_places(family: str) -> tuple[Array, Array, Array, Array]:
    """(angles [S, 3], heights [S, 2], ends [S, 3], widths [S]) of all straps of a cut, both sides."""
    straps = [(strap, side) for strap in CUTS[family].straps for side in (1, -1)]
    angles = [(side * strap.start[0], side * strap.middle[0], side * 104.0) for strap, side in straps]
    heights = [(strap.start[1], strap.middle[1]) for strap, _ in straps]
    ends = [(side * strap.end[0], *strap.end[1:]) for strap, side in straps]
    widths = [strap.width for strap, _ in straps]
    return tuple(np.array(values, dtype=np.float32) for values in (angles, heights, ends, widths))  # type: ignore[return-value]


def ribbons(sheet: FaceSheet, family: str, drop: float, tilt: float, turn: float) -> list[Ribbon]:
    """The straps: taut, so each is one smooth arc over three points; what turns away is left out.

    Args:
        sheet: the face.
        family: the cut they belong to.
        drop, tilt, turn: as the mask at their beginning, in eye distances and degrees.
    """
    angles, heights, ends, widths = _strap_places(family)
    side = np.sign(angles[:, 0])
    low = drop + tilt * side
    # The ear does not move with the mask; half-way there the strap does by half.
    half_moved = np.array([1, 0.5], np.float32)
    held = sheet.at(angles[:, :2] + turn * half_moved, heights + low[:, None] * half_moved, 0.015)
    first, second, third = held[:, None, 0], held[:, None, 1], sheet.carried(ends)[:, None]
    t = np.linspace(0, 1, _STRAP_POINTS, dtype=np.float32)[:, None]
    points = first * ((1 - t) * (1 - 2 * t)) + second * (4 * t * (1 - t)) + third * (t * (2 * t - 1))
    run = np.empty_like(points[..., :2])
    run[:, 1:-1] = points[:, 2:, :2] - points[:, :-2, :2]
    run[:, 0], run[:, -1] = points[:, 1, :2] - points[:, 0, :2], points[:, -1, :2] - points[:, -2, :2]
    length = np.maximum(np.hypot(run[..., 0], run[..., 1]), 1e-3)
    half = np.stack([-run[..., 1], run[..., 0]], axis=-1) / length[..., None]
    half *= (side * widths * sheet.scale / 2)[:, None, None]
    upper, lower = points[..., :2] - half, points[..., :2] + half
    s = t[:, 0]
    turned = np.where(s < 0.5, angles[:, :1] + (angles[:, 1:2] - angles[:, :1]) * 2 * s,
                      angles[:, 1:2] + (angles[:, 2:] - angles[:, 1:2]) * (2 * s - 1))  # fmt: skip
    normals = unit(directions(turned) @ sheet.turn.T)
    ribbons = []
    for k in range(len(side)):
        # Skin that turns away at the cheek's outline hides the rest of the strap.
        hidden = normals[k, :, 2] > -0.04
        end = int(hidden.argmax()) if hidden.any() else _STRAP_POINTS
        if end > UNDER_MASK:
            ribbons.append(Ribbon(upper[k, :end], lower[k, :end], normals[k, :end]))
    return ribbons
