"""Moving a batch of pictures and the points on them together, by one projective matrix a picture.

A matrix [3, 3] leads from a pixel (x, y, 1) of the new picture back to where it was in the old one; points go the
other way. Everything is keras.ops, so that it runs on the device that trains.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from ml.data.fused import fused
from ml.landmarks import FLIP_PERMUTATION


def matrices(
    side: int, *, angle: Any, zoom: Any, shear: Any, dx: Any, dy: Any, tilt_x: Any, tilt_y: Any, mirror: Any
) -> Any:
    """Matrices float32 [N, 3, 3] of views about the picture's middle.

    Args:
        side: of the pictures, in pixels.
        angle: radians [N], as the eye sees it: counter-clockwise.
        zoom: [N], over 1 enlarges.
        shear: [N], how far a line leans, as a tangent.
        dx, dy: pixels [N] that the picture moves to the right and down.
        tilt_x, tilt_y: [N], by which share of itself the scale changes from the middle to an edge.
        mirror: bool [N], exchanged left for right before all else.
    """
    one, nil = ops.ones_like(angle), ops.zeros_like(angle)
    half = max((side - 1) / 2, 1.0)
    cos, sin = ops.cos(angle) / zoom, ops.sin(angle) / zoom
    sign = ops.where(mirror, -one, one)
    to_middle = _matrix(one, nil, -dx - half, nil, one, -dy - half, nil, nil, one)
    turned = _matrix(cos, -sin, nil, sin, cos, nil, nil, nil, one)
    leaning = _matrix(one, shear, nil, nil, one, nil, nil, nil, one)
    tilted = _matrix(one, nil, nil, nil, one, nil, tilt_x / half, tilt_y / half, one)
    mirrored = _matrix(sign, nil, half * one, nil, one, half * one, nil, nil, one)
    whole = ops.matmul(mirrored, ops.matmul(tilted, ops.matmul(leaning, ops.matmul(turned, to_middle))))
    return whole / whole[:, 2:, 2:]


def _matrix(*entries: Any) -> Any:
    return ops.reshape(ops.stack(entries, axis=1), (-1, 3, 3))


@fused
def warp(images: Any, matrix: Any) -> Any:
    """Pictures [N, S, S, C] seen through matrices [N, 3, 3]; bilinear, the border's pixels repeated outside.

    A black border would be a feature to learn; photos have none.
    """
    side, channels = images.shape[1], images.shape[-1]
    place = ops.arange(side, dtype="float32")
    x, y = ops.reshape(place, (1, 1, side)), ops.reshape(place, (1, side, 1))

    def row(index: int) -> Any:
        a, b, c = (ops.reshape(matrix[:, index, k], (-1, 1, 1)) for k in range(3))
        return a * x + b * y + c

    depth = row(2)
    u, v = (ops.clip(row(index) / depth, 0.0, side - 1.0) for index in (0, 1))
    left, top = (ops.minimum(ops.floor(along), side - 2.0) for along in (u, v))
    across, down = ops.expand_dims(u - left, -1), ops.expand_dims(v - top, -1)
    first = ops.reshape(ops.arange(ops.shape(images)[0]) * (side * side), (-1, 1, 1))
    corner = first + ops.cast(top * side + left, "int32")
    flat = ops.reshape(images, (-1, channels))

    def at(step: int) -> Any:
        return ops.take(flat, corner + step, axis=0)

    upper = at(0) + (at(1) - at(0)) * across
    lower = at(side) + (at(side + 1) - at(side)) * across
    return upper + (lower - upper) * down


def move_points(points: Any, matrix: Any, mirror: Any) -> Any:
    """Keypoints [N, 15, 2] in pixels of the old pictures, in those of the new ones; NaN stays NaN.

    In a mirrored picture left and right change their names.
    """
    back = _inverse(matrix)
    there = ops.logical_not(ops.isnan(points))
    # NaN times zero is NaN in a gradient, too: missing ones are at 0 while anything is computed.
    known = ops.where(there, points, 0.0)
    moved = ops.matmul(
        ops.concatenate([known, ops.ones_like(known[..., :1])], axis=-1), ops.transpose(back, (0, 2, 1))
    )
    moved = ops.where(there, moved[..., :2] / moved[..., 2:], float("nan"))
    swapped = ops.take(moved, list(FLIP_PERMUTATION), axis=1)
    return ops.where(ops.reshape(mirror, (-1, 1, 1)), swapped, moved)


def _inverse(matrix: Any) -> Any:
    """Of [N, 3, 3], up to a factor, which positions do not feel: rows of cross products, as columns."""
    a, b, c = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    return ops.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=2)


def _cross(a: Any, b: Any) -> Any:
    x = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    y = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    z = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return ops.stack([x, y, z], axis=1)
