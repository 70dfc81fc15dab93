"""Grids of 3-D points drawn into a picture: which place of which grid is seen at each pixel.

NumPy has no rasteriser. This one works on rows of triangles all at once; nearer triangles are written last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Visible:
    """What is seen.

    Attributes:
        column, row: float32 [H, W], the place in the atlas of vertices seen at each pixel, −9 where none is.
        depth: float32 [H, W], how far away that is; infinite where nothing is.
    """

    column: Array
    row: Array
    depth: Array


def grid_triangles(rows: int, columns: int, first: int = 0) -> NDArray[np.int32]:
    """Vertex numbers [T, 3] of a grid's triangles; ``first`` is the number of its first vertex."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel() + first
    right, below, across = corner + 1, corner + columns, corner + columns + 1
    return np.concatenate(
        [np.column_stack([corner, right, below]), np.column_stack([right, across, below])]
    ).astype(np.int32)


def draw(
    vertices: Array,
    atlas: Array,
    triangles: NDArray[np.int32],
    height: int,
    width: int,
    *,
    deep: bool = True,
    beneath: NDArray[np.bool_] | None = None,
) -> Visible:
    """Draw one sheet or body into a picture of this size.

    Both sides of its triangles are drawn: where a surface turns away, the far side gives the outline its smoothness.

    Args:
        vertices: float32 [V, 3] in pixels of that picture.
        atlas: float32 [V, 2], each vertex' column and row in the atlas.
        triangles: int32 [T, 3], any way round.
        height, width: of the picture.
        beneath: [T], triangles that are hidden by all others, whatever their depth.
        deep: whether the depth is wanted; else it is 0 wherever something is seen.
    """
    # Corner by corner as rows: NumPy is slow at going over a last axis of three.
    x, y, z = (np.ascontiguousarray(vertices[:, k]).take(triangles.T) for k in range(3))
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    turned = np.sign(area).astype(np.float32)
    top = np.maximum(np.ceil(_least(y)), 0).astype(np.int32)
    bottom = np.minimum(np.floor(_most(y)), height - 1).astype(np.int32)
    seen = (np.abs(area) > 1e-3) & (bottom >= top) & (_most(x) >= 0) & (_least(x) <= width - 1)
    kept = np.flatnonzero(seen)
    # Far ones first, so that near ones are written over them.
    order = -(z[0] + z[1] + z[2])
    if beneath is not None:
        order[beneath] -= 1e7
    kept = kept[np.argsort(order[kept], kind="stable")]
    x, y, z = x[:, kept], y[:, kept], z[:, kept]
    area, top, turned = area[kept], top[kept], turned[kept]
    count = bottom[kept] - top + 1
    # One entry for each row of each triangle: where on that row it begins and ends.
    owner = np.repeat(np.arange(len(kept), dtype=np.int32), count)
    line = np.arange(len(owner), dtype=np.int32) - np.repeat(np.cumsum(count) - count, count) + top[owner]
    left = np.full(len(owner), -0.001, np.float32)
    right = np.full(len(owner), width - 1 + 0.001, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        for a, b in ((0, 1), (1, 2), (2, 0)):
            rise = y[b] - y[a]
            slope = (x[b] - x[a]) / rise
            rise = rise * turned
            offset = x[a] - y[a] * slope
            cross = slope[owner] * line + offset[owner]
            down = (rise > 1e-6)[owner]
            up = (rise < -1e-6)[owner]
            np.minimum(right, cross, out=right, where=down)
            np.maximum(left, cross, out=left, where=up)
    begin = np.ceil(left - 1e-3).astype(np.int32)
    length = np.maximum(np.floor(right + 1e-3).astype(np.int32) - begin + 1, 0)
    start = line * width + begin
    pixel = np.arange(int(length.sum()), dtype=np.int32)
    pixel += np.repeat(start - (np.cumsum(length) - length).astype(np.int32), length)
    winner = np.full(height * width, -1, np.int32)
    winner[pixel] = np.repeat(owner, length)
    found = np.flatnonzero(winner >= 0)
    who = winner[found]
    # Inside a triangle the place in the atlas, and the depth, are affine functions of the pixel.
    corner = triangles[kept].T
    places = np.stack([atlas[:, 0].take(corner), atlas[:, 1].take(corner), z])  # [3, corners, triangles]
    d1, d2 = places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]
    x1, y1, x2, y2 = x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]
    by_x = (d1 * y2 - d2 * y1) / area
    by_y = (d2 * x1 - d1 * x2) / area
    base = places[:, 0] - by_x * x[0] - by_y * y[0]
    line_of, column_of = np.divmod(found.astype(np.int32), np.int32(width))
    xs, ys = column_of.astype(np.float32), line_of.astype(np.float32)
    # On a sliver of a triangle, seen nearly edge-on, the function is so steep that rounding leads out of it.
    slivers = np.flatnonzero((np.abs(area) < 2.0).take(who))
    thin = who[slivers]
    maps = []
    for k, empty in enumerate((-9.0, -9.0, np.inf)):
        values = np.full(height * width, empty, np.float32)
        if k == 2 and not deep:
            values[found] = 0
            maps.append(values.reshape(height, width))
            break
        at = by_x[k].take(who)
        at *= xs
        part = by_y[k].take(who)
        part *= ys
        at += part
        at += base[k].take(who)
        at[slivers] = np.clip(at[slivers], _least(places[k])[thin], _most(places[k])[thin])
        values[found] = at
        maps.append(values.reshape(height, width))
    return Visible(*maps)


def _least(rows: Array) -> Array:
    return np.asarray(np.minimum(np.minimum(rows[0], rows[1]), rows[2]))


def _most(rows: Array) -> Array:
    return np.asarray(np.maximum(np.maximum(rows[0], rows[1]), rows[2]))
