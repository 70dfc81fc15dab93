"""The cuts of masks: where their edges lie on the face and how far they stand off it.

Every cut is a grid of vertices over ``u`` (−1 at the subject's right edge, 1 at the left) and ``v`` (0 at the top
edge, 1 at the bottom edge), with a margin beyond the edges in which the outline is antialiased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

COLUMNS, ROWS = 27, 19
#: The margin beyond the edges, in u and v.
MARGIN = 0.07
U = np.linspace(-1 - MARGIN, 1 + MARGIN, COLUMNS, dtype=np.float32)
V = np.linspace(-MARGIN, 1 + MARGIN, ROWS, dtype=np.float32)


@dataclass(frozen=True)
class Strap:
    """A band from under the mask to behind the ear or head, on the subject's left; its mirror image comes with it.

    Attributes:
        start, middle: (angle in degrees, height) under the mask and on the cheek.
        end: (x, y, z) where it vanishes, in eye distances on the average face.
        width: in eye distances.
    """

    start: tuple[float, float]
    middle: tuple[float, float]
    end: tuple[float, float, float]
    width: float


@dataclass(frozen=True)
class Disc:
    """A round can on the mask: a filter. Places in eye distances on the average face, on its left side.

    Attributes:
        center: of its face towards the mask.
        axis: where it looks, a unit vector or nearly.
        radius, depth: of the can.
        mirrored: there is one on the other side too.
    """

    center: tuple[float, float, float]
    axis: tuple[float, float, float]
    radius: float
    depth: float
    mirrored: bool = True


@dataclass(frozen=True)
class Cut:
    """One cut.

    Attributes:
        top, bottom: the heights of the edges at |u| of 0 … 1, in eye distances below the eyes.
        side: the angle of the side edges at v of 0 … 1, in degrees.
        tent: how much of the way from the face to the stretched cloth, at v of 0 … 1.
        stand: distance off the face everywhere.
        bulge: more distance, of (|u|, v) arrays.
        corner: how round the corners are, in eye distances.
        straps, discs: what else belongs to it.
    """

    top: tuple[tuple[float, float], ...]
    bottom: tuple[tuple[float, float], ...]
    side: tuple[tuple[float, float], ...]
    tent: tuple[tuple[float, float], ...]
    stand: float
    bulge: Callable[[Array, Array], Array]
    corner: float
    straps: tuple[Strap, ...] = ()
    discs: tuple[Disc, ...] = ()


def curve(points: tuple[tuple[float, float], ...], at: Array) -> Array:
    """A smooth curve without overshoot through ``points``, read at ``at``; constant slope outside."""
    from scipy.interpolate import PchipInterpolator

    x, y = np.array(points, dtype=np.float64).T
    return np.asarray(PchipInterpolator(x, y)(np.clip(at, x[0], x[-1])), dtype=np.float32)


def _flat(u: Array, v: Array) -> Array:
    return np.zeros(np.broadcast_shapes(u.shape, v.shape), np.float32)


def _pouch(u: Array, v: Array) -> Array:
    # Pleats open in the middle: the cloth stands off lips and chin, not off the cheeks.
    return np.asarray(
        0.030 * np.sin(np.pi * np.clip(v, 0, 1)) * np.cos(np.pi / 2 * np.clip(u, 0, 1)), np.float32
    )


def _keel(u: Array, v: Array) -> Array:
    # The fold runs from the nose to under the chin and stands furthest off before the mouth.
    along = np.maximum(np.sin(np.pi * np.clip(v * 0.96 + 0.02, 0, 1)), 0) ** 0.8
    return np.asarray(0.17 * along * np.clip(1 - np.sqrt(u * u + 0.002), 0, 1) ** 1.15, np.float32)


def _snout(u: Array, v: Array) -> Array:
    along = np.sin(np.pi * np.clip((v - 0.08) / 0.92, 0, 1))
    return np.asarray(0.16 * along * np.exp(-((u / 0.55) ** 2)) + 0.03 * np.clip(1 - u, 0, 1), np.float32)


_SIDE = ((0.0, 53.0), (0.5, 54.0), (1.0, 52.0))
_CLOSE = ((0.0, 0.6), (0.16, 0.95), (0.5, 1.0), (1.0, 0.9))


def _visor(u: Array, v: Array) -> Array:
    # Bent once, as a sheet is: it stands furthest off where the face falls back, beside the nose.
    across = np.exp(-(((v - 0.27) / 0.2) ** 2))
    return np.asarray(0.055 * across * np.clip(1 - (u / 0.9) ** 4, 0, 1), np.float32)


CUTS: dict[str, Cut] = {
    "surgical": Cut(
        top=((0, 0.185), (0.1, 0.205), (0.25, 0.27), (0.45, 0.335), (0.7, 0.365), (1, 0.385)),
        bottom=((0, 1.41), (0.25, 1.38), (0.5, 1.285), (0.75, 1.12), (1, 0.93)),
        side=_SIDE,
        tent=_CLOSE,
        stand=0.022,
        bulge=_pouch,
        corner=0.02,
        straps=(
            Strap((50, 0.42), (76, 0.215), (0.80, 0.02, 0.72), 0.026),
            Strap((48, 0.87), (76, 0.67), (0.77, 0.52, 0.74), 0.026),
        ),
    ),
    "cloth": Cut(
        top=((0, 0.165), (0.1, 0.195), (0.25, 0.265), (0.5, 0.315), (0.75, 0.355), (1, 0.425)),
        bottom=((0, 1.40), (0.25, 1.37), (0.5, 1.28), (0.75, 1.07), (1, 0.83)),
        side=((0.0, 56.0), (0.5, 55.0), (1.0, 55.0)),
        tent=((0.0, 0.6), (0.25, 0.95), (0.5, 1.0), (1.0, 0.85)),
        stand=0.024,
        bulge=lambda u, v: np.asarray(_pouch(u, v) * 0.6, np.float32),
        corner=0.05,
        straps=(
            Strap((53, 0.48), (76, 0.215), (0.80, 0.02, 0.72), 0.034),
            Strap((53, 0.77), (76, 0.67), (0.77, 0.52, 0.74), 0.034),
        ),
    ),
    "fold": Cut(
        top=((0, 0.150), (0.1, 0.185), (0.25, 0.245), (0.5, 0.305), (0.75, 0.37), (1, 0.45)),
        bottom=((0, 1.42), (0.25, 1.375), (0.5, 1.26), (0.75, 1.04), (1, 0.82)),
        side=((0.0, 55.0), (0.5, 57.0), (1.0, 55.0)),
        tent=((0.0, 0.7), (0.2, 1.0), (0.5, 1.0), (1.0, 0.9)),
        stand=0.028,
        bulge=_keel,
        corner=0.06,
        straps=(
            Strap((53, 0.50), (76, 0.215), (0.80, 0.02, 0.72), 0.030),
            Strap((53, 0.77), (76, 0.67), (0.77, 0.52, 0.74), 0.030),
        ),
    ),
    "half-mask": Cut(
        top=((0, 0.135), (0.15, 0.19), (0.3, 0.29), (0.5, 0.40), (0.75, 0.50), (1, 0.60)),
        bottom=((0, 1.36), (0.3, 1.31), (0.55, 1.20), (0.8, 1.06), (1, 0.95)),
        side=((0.0, 50.0), (0.5, 53.0), (1.0, 49.0)),
        tent=((0.0, 0.8), (0.2, 1.0), (1.0, 0.9)),
        stand=0.045,
        bulge=_snout,
        corner=0.16,
        straps=(
            Strap((46, 0.66), (72, 0.26), (0.80, -0.22, 0.85), 0.075),
            Strap((46, 0.92), (72, 0.84), (0.74, 0.76, 0.80), 0.075),
        ),
        discs=(Disc((0.40, 0.84, -0.44), (0.72, 0.10, -0.69), 0.34, 0.11),),
    ),
    "gas-mask": Cut(
        top=((0, -0.56), (0.3, -0.55), (0.55, -0.50), (0.8, -0.38), (1, -0.18)),
        bottom=((0, 1.42), (0.3, 1.36), (0.55, 1.22), (0.8, 0.98), (1, 0.62)),
        side=((0.0, 76.0), (0.5, 79.0), (1.0, 74.0)),
        tent=((0.0, 0.3), (0.4, 0.8), (0.55, 1.0), (1.0, 0.9)),
        stand=0.09,
        bulge=lambda u, v: _snout(u * 1.9, np.clip(v * 1.75 - 0.75, 0, 1)) * 1.25 + _visor(u, v),
        corner=0.30,
        straps=(
            Strap((64, -0.22), (82, -0.34), (0.84, -0.5, 0.95), 0.08),
            Strap((66, 0.40), (82, 0.40), (0.84, 0.38, 0.95), 0.08),
        ),
        discs=(Disc((0.34, 0.98, -0.46), (0.62, 0.36, -0.70), 0.27, 0.24),),
    ),
}


@dataclass(frozen=True)
class Layout:
    """A cut's grid, ready to be put on a sheet: float32 arrays over [ROWS, COLUMNS] or one of its sides.

    Attributes:
        top, bottom: heights of the edges [COLUMNS].
        angle: of every vertex in degrees [ROWS, COLUMNS].
        tent: share of the stretched cloth's distance [ROWS, 1].
        stand: distance off that, in eye distances [ROWS, COLUMNS].
    """

    top: Array
    bottom: Array
    angle: Array
    tent: Array
    stand: Array


@cache
def layout(family: str) -> Layout:
    """The grid of a cut, computed once."""
    cut = CUTS[family]
    u, v = np.abs(U), V
    # The edges, not the margin, bear the given heights; the margin goes on straight.
    outside = np.maximum(u - 1, 0)
    return Layout(
        top=curve(cut.top, u) + outside * 0.1,
        bottom=curve(cut.bottom, u) - outside * 0.1,
        angle=np.asarray(U[None, :] * curve(cut.side, v)[:, None], np.float32),
        tent=curve(cut.tent, v)[:, None],
        stand=np.asarray(
            cut.bulge(u[None, :], v[:, None]) + cut.stand * _edge_lift(u) + _chin(u[None, :], v[:, None]),
            np.float32,
        ),
    )


def _chin(u: Array, v: Array) -> Array:
    """Below the lips cloth hangs before the chin, it does not cling to it."""
    along = np.exp(-(((v - 0.9) / 0.2) ** 2))
    return np.asarray(0.05 * along * np.cos(np.pi / 2 * np.clip(u, 0, 1)), np.float32)


def _edge_lift(u: Array) -> Array:
    """Cloth lies closer at the side edges, where the ear loops pull it on."""
    return np.asarray(1 - 0.6 * np.clip(u, 0, 1.05)[None, :] ** 4, np.float32)
