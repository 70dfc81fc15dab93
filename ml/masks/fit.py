"""A mask put on a face: where each of its vertices lies in the picture, and which way it faces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.masks.cuts import COLUMNS, CUTS, ROWS, Disc, U, V, layout
from ml.masks.raster import grid_triangles
from ml.masks.straps import Ribbon, ribbons
from ml.masks.styles import MaskStyle
from ml.masks.surface import FaceSheet, cross, sample, tent, unit
from ml.masks.templates import DISC_ROWS

Array = NDArray[np.floating[Any]]

PROPER, SLIPPED, BELOW_NOSE = "proper", "slipped", "below_nose"


@dataclass(frozen=True, slots=True)
class Wearing:
    """How this person wears it, in eye distances and degrees.

    Attributes:
        how: ``proper``, ``slipped`` (half-way down the bridge of the nose) or ``below_nose``.
        drop: how much lower than the cut's own place.
        tilt: how much lower at the subject's left edge than in the middle.
        turn: rotated around the head.
        width: times as wide.
    """

    how: str
    drop: float
    tilt: float
    turn: float
    width: float

    def as_dict(self) -> dict[str, Any]:
        """The values, as JSON carries them."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}


def draw_wearing(style: MaskStyle, rng: np.random.Generator) -> Wearing:
    """Draw how it is worn: low in the style's shares, and never quite straight."""
    chance = float(rng.random())
    drop, tilt, turn, width = rng.standard_normal(4)
    how = PROPER
    if chance < style.low_share:
        how = BELOW_NOSE
    elif chance < style.low_share + style.slipped_share:
        how = SLIPPED
    rigid = 0.5 if style.family in ("half-mask", "gas-mask") else 1.0
    return Wearing(
        how=how,
        drop=float(np.clip(drop, -1.5, 2)) * 0.018 * rigid,
        tilt=float(np.clip(tilt, -2, 2)) * 0.014 * rigid,
        turn=float(np.clip(turn, -2, 2)) * 1.2 * rigid,
        width=1 + float(np.clip(width, -2, 2)) * 0.03 * rigid,
    )


@dataclass(frozen=True)
class Fitted:
    """A mask on a face.

    Attributes:
        vertices: float32 [V, 3] in pixels of the picture: the cut's grid, then its cans.
        normals: float32 [V, 3], unit, towards the outside.
        along_u, along_v: float32 [V, 3], unit, the directions of the textures' axes.
        places: (angle, height) on the sheet of the cut's own vertices, two arrays [ROWS, COLUMNS].
        ribbons: the straps' visible parts.
        occluder: float32 [M, 3], the nose, where it may stand before a mask worn low; else empty.
    """

    vertices: Array
    normals: Array
    along_u: Array
    along_v: Array
    places: tuple[Array, Array]
    ribbons: tuple[Ribbon, ...]
    occluder: Array


#: How far under the eyes' inner corners, as they are seen, a mask's edge has to stay, and how far it gives way.
_UNDER_EYES = 0.09
_MOST_DROP = 0.30


def fit(sheet: FaceSheet, style: MaskStyle, wearing: Wearing, eyes: Array | None = None) -> Fitted:
    """Lay the mask of ``style`` on the face.

    Args:
        sheet: the face.
        style: what is worn.
        wearing: how it is worn.
        eyes: [N, 2], points in pixels that the upper edge must stay under; a mask that would reach them, on a face
            turned far up or to the side, is worn as much lower as it takes.
    """
    fitted = _laid(sheet, style, wearing)
    if eyes is None or style.family == "gas-mask":  # that has a window for them
        return fitted
    right, down = (sheet.turn[:2, k] / max(float(np.hypot(*sheet.turn[:2, k])), 1e-6) for k in range(2))
    edge = fitted.vertices[COLUMNS : 2 * COLUMNS, :2]
    over = eyes[:, None] - edge[None]
    beside = np.abs(over @ right) < 0.10 * sheet.scale
    lack = float(np.where(beside, over @ down, -np.inf).max()) / sheet.scale + _UNDER_EYES
    if lack <= 0:
        return fitted
    return _laid(sheet, style, replace(wearing, drop=wearing.drop + min(lack * 1.1, _MOST_DROP)))


def _laid(sheet: FaceSheet, style: MaskStyle, wearing: Wearing) -> Fitted:
    grid = layout(style.family)
    cut = CUTS[style.family]
    top, bottom, tented = grid.top, grid.bottom, grid.tent
    middle = 1 - np.clip(np.abs(U), 0, 1) ** 1.5
    if wearing.how == BELOW_NOSE:
        # Nothing holds it up any more: the edge runs nearly straight from ear to ear, close to the lip.
        top = top + (0.615 - cut.top[0][1]) * middle + 0.10 * (1 - middle)
        bottom = bottom + 0.035
        tented = tented * np.clip(0.25 + V[:, None], 0.2, 1)
    elif wearing.how == SLIPPED:
        top = top + 0.15 * middle + 0.03
        bottom = bottom + 0.02
    # The mesh falls short of the chin on faces turned far away; cloth that hangs a little lower does no harm.
    aside = abs(float(sheet.turn[0, 2])) / sheet.scale
    bottom = bottom + 0.16 * max(aside - 0.3, 0)
    slack = {PROPER: 0.0, SLIPPED: 0.03, BELOW_NOSE: 0.08}[wearing.how]
    lean = wearing.drop + wearing.tilt * U
    top, bottom = top + lean, bottom + lean * 0.6
    # What the bridge of the nose does to the edge is soon forgotten further down: pleats run nearly straight.
    straight = np.interp(np.abs(U), (0, 1), (top.max() * 0.88, top.max())).astype(np.float32)
    v = V[:, None]
    ease = np.clip(1 - v, 0, 1 + 0.1) ** 2.4
    heights = np.asarray(straight + v * (bottom - straight) + (top - straight) * ease, dtype=np.float32)
    angles = np.asarray(grid.angle * wearing.width + wearing.turn, dtype=np.float32)
    stand = grid.stand + tented * sample(tent(), angles, heights)
    points = _stretched(sheet.at(angles, heights, stand))
    blocks = [points, *(_disc_points(disc, side, sheet) for disc in cut.discs for side in _sides(disc))]
    frames = [_frame(block) for block in blocks]
    return Fitted(
        vertices=_joined(blocks),
        normals=_joined([frame[0] for frame in frames]),
        along_u=_joined([frame[1] for frame in frames]),
        along_v=_joined([frame[2] for frame in frames]),
        places=(angles, heights),
        ribbons=tuple(ribbons(sheet, style.family, slack + wearing.drop, wearing.tilt, wearing.turn)),
        occluder=_nose(sheet) if wearing.how == BELOW_NOSE else np.zeros((0, 3), np.float32),
    )


def _stretched(points: Array) -> Array:
    """Cloth under tension smooths over what is beneath it; its top and bottom edges stay where they are."""
    ruled = points[:1] + (points[-1:] - points[:1]) * _EVENLY
    return np.asarray(
        ruled + cv2.GaussianBlur(points - ruled, (0, 0), sigmaX=0.7, sigmaY=1.4), dtype=np.float32
    )


_EVENLY = np.linspace(0, 1, ROWS, dtype=np.float32)[:, None, None]


def _sides(disc: Disc) -> tuple[int, ...]:
    return (1, -1) if disc.mirrored else (1,)


def _joined(blocks: list[Array]) -> Array:
    return np.concatenate([block.reshape(-1, 3) for block in blocks])


@cache
def margin() -> NDArray[np.bool_]:
    """Which triangles of a cut's grid are its margin: where the face turns away they fold behind the mask."""
    cell = np.zeros((ROWS - 1, COLUMNS - 1), dtype=bool)
    cell[[0, -1]] = cell[:, [0, -1]] = True
    return np.concatenate([cell.ravel(), cell.ravel()])


@cache
def topology(family: str, occluded: bool) -> tuple[tuple[NDArray[np.int32], ...], Array]:
    """(triangles int32 [T, 3] of each body, each vertex' column and row in the atlas float32 [V, 2]) of a cut.

    The atlas is the textures' layout: the cut's rows of vertices, below them those of its cans. The occluder's
    vertices lie outside of it.
    """
    bodies, first = [grid_triangles(ROWS, COLUMNS)], ROWS
    for _ in [side for disc in CUTS[family].discs for side in _sides(disc)]:
        bodies.append(grid_triangles(DISC_ROWS, COLUMNS, first * COLUMNS))
        first += DISC_ROWS
    row, column = np.mgrid[:first, :COLUMNS]
    atlas = np.column_stack([column.ravel(), row.ravel()]).astype(np.float32)
    if occluded:
        bodies.append(grid_triangles(*_NOSE_SHAPE, len(atlas)))
        atlas = np.concatenate([atlas, np.full((_NOSE_SHAPE[0] * _NOSE_SHAPE[1], 2), -9, np.float32)])
    return tuple(bodies), np.ascontiguousarray(atlas)


def _frame(points: Array) -> tuple[Array, Array, Array]:
    """(normals, directions along columns, along rows) of a grid [R, C, 3], all of unit length."""
    along_u = np.empty_like(points)
    along_u[:, 1:-1] = points[:, 2:] - points[:, :-2]
    along_u[:, 0], along_u[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
    along_v = np.empty_like(points)
    along_v[1:-1] = points[2:] - points[:-2]
    along_v[0], along_v[-1] = points[1] - points[0], points[-1] - points[-2]
    normals = cross(along_v, along_u)
    return unit(normals), unit(along_u), unit(along_v)


def _disc_points(disc: Disc, side: int, sheet: FaceSheet) -> Array:
    """A can's grid [DISC_ROWS, COLUMNS, 3] in the picture: rings around the middle of its face, then the wall."""
    axis = unit(np.array(disc.axis, dtype=np.float32) * np.array([side, 1, 1], np.float32))
    across = unit(cross(np.array([0, 1, 0], np.float32), axis))
    up = cross(axis, across)
    turn = np.linspace(0, 2 * np.pi, COLUMNS, dtype=np.float32)
    ring = np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * up
    # The middle is not quite a point, for a point faces nowhere.
    radius = np.array([0.004, 0.3, 0.6, 0.9, 1.0, 1.0, 0.5], np.float32) * disc.radius
    depth = np.array([1.10, 1.09, 1.06, 0.98, 0.80, 0.0, -0.1], np.float32) * disc.depth
    depth[-1] -= 0.2  # the neck reaches into the mask
    center = np.array(disc.center, dtype=np.float32) * np.array([side, 1, 1], np.float32)
    local = center + radius[:, None, None] * ring + depth[:, None, None] * axis
    # Held by the face where its middle is.
    return np.asarray(sheet.carried(center[None])[0] + (local - center) @ sheet.turn.T, dtype=np.float32)


_NOSE_SHAPE = (9, 9)


def _nose(sheet: FaceSheet) -> Array:
    """The nose from bridge to base as vertices [M, 3]: what may stand before a mask worn below it."""
    angle, height = np.meshgrid(np.linspace(-17, 17, 9), np.linspace(0.12, 0.54, 9))
    return sheet.at(angle, height, 0.01).reshape(-1, 3)


def face_outline(mesh: Array) -> NDArray[np.int32]:
    """The face's outline in the picture: its convex hull, int32 [N, 2]."""
    return np.asarray(
        cv2.convexHull(np.ascontiguousarray(mesh[:, :2], dtype=np.float32))[:, 0], dtype=np.int32
    )
