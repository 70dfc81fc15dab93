"""What cameras, light and things in front of faces do to a batch of pictures, each picture by its own amount.

Pictures are float32 [N, S, S, C] in 0…255; amounts are [N] and 0 (or 1 for factors) where nothing is to be done.
Everything is keras.ops, so that it runs on the device that trains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from ml.data.fused import fused

#: Taps of the blur on each side of a pixel.
REACH = 3
_EYES, _MOUTH, _NOSE = (0, 1), (11, 12, 13, 14), 10

#: Of ITU T.81, table K.1; JPEG's usual one for brightness.
JPEG_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)


def _dct_matrix() -> np.ndarray[Any, np.dtype[np.float32]]:
    k, n = np.mgrid[:8, :8]
    matrix = np.cos((2 * n + 1) * k * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


DCT = _dct_matrix()


def _wide(amount: Any) -> Any:
    """[N] as [N, 1, 1, 1]."""
    return ops.reshape(amount, (-1, 1, 1, 1))


def tones(images: Any, contrast: Any, lift: Any, *, about: Any = None) -> Any:
    """Contrast [N] (a factor) about each picture's mean and brightness [N] (levels added), not cut off.

    Args:
        images, contrast, lift: see the module.
        about: [N, 1, 1, 1] instead of the mean.
    """
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True) if about is None else about
    factor = _wide(contrast)
    return images * factor + (mean * (1.0 - factor) + _wide(lift))  # two passes over the pixels


@fused
def colour(images: Any, gains: Any, saturation: Any) -> Any:
    """Gains [N, 3] of red, green and blue, and saturation [N] (a factor about each pixel's brightness)."""
    grey = ops.sum(images * ops.convert_to_tensor([0.299, 0.587, 0.114], "float32"), axis=-1, keepdims=True)
    return (grey + (images - grey) * _wide(saturation)) * ops.reshape(gains, (-1, 1, 1, 3))


@fused
def blur(images: Any, sigma: Any) -> Any:
    """A Gaussian of deviation [N] in pixels, cut at 3 pixels, the border's pixels repeated outside."""
    steps = np.arange(-REACH, REACH + 1, dtype=np.float32)
    # Under a twentieth of a pixel every tap but the middle one is zero.
    safe = ops.reshape(ops.maximum(sigma, 0.05), (-1, 1))
    taps = ops.exp(-(ops.convert_to_tensor(steps**2)[None]) / (2 * safe * safe))
    taps = taps / ops.sum(taps, axis=1, keepdims=True)
    for axis in (1, 2):
        size = images.shape[axis]
        ends = [ops.repeat(ops.take(images, [index], axis=axis), REACH, axis=axis) for index in (0, size - 1)]
        padded = ops.concatenate([ends[0], images, ends[1]], axis=axis)
        images = sum(_part(padded, axis, step, size) * _wide(taps[:, step]) for step in range(2 * REACH + 1))
    return images


def _part(images: Any, axis: int, start: int, size: int) -> Any:
    return images[:, start : start + size] if axis == 1 else images[:, :, start : start + size]


def noise(images: Any, sigma: Any, normal: Any) -> Any:
    """Grain of deviation [N] in levels, from standard normal numbers [N, S, S, C or 1]."""
    return images + normal * _wide(sigma)


@fused
def jpeg(images: Any, quality: Any) -> Any:
    """What JPEG of a quality [N] (1 to 100; over 100: untouched) loses: blocks of 8×8, rounded in the frequency domain.

    Every channel by the table for brightness, without subsampling of colours. The side has to be a multiple of 8.
    """
    quality = ops.reshape(quality, (-1, 1, 1))
    scale = ops.where(quality < 50, 5000.0 / ops.maximum(quality, 1.0), 200.0 - 2.0 * quality)
    table = ops.reshape(ops.convert_to_tensor(JPEG_TABLE), (1, 64, 1))
    table = ops.clip(ops.floor((table * scale + 50.0) / 100.0), 1.0, 255.0)
    _, height, width, channels = images.shape
    down, across = height // 8, width // 8
    dct = ops.convert_to_tensor(DCT)
    blocks = ops.reshape(images - 128.0, (-1, down, 8, across, 8, channels))
    waves = ops.einsum("ui,nbicjk,vj->nuvbck", dct, blocks, dct)
    waves = ops.round(ops.reshape(waves, (-1, 64, down * across * channels)) / table) * table
    waves = ops.reshape(waves, (-1, 8, 8, down, across, channels))
    back = ops.einsum("ui,nuvbck,vj->nbicjk", dct, waves, dct)
    lossy = ops.reshape(back, (-1, height, width, channels)) + 128.0
    return ops.where(ops.reshape(quality, (-1, 1, 1, 1)) > 100, images, lossy)


@fused
def cutout(images: Any, boxes: Any, fill: Any) -> Any:
    """Rectangles [N, 4] (left, top, right, bottom in pixels, right and bottom outside) in one level [N]."""
    side = images.shape[1]
    place = ops.arange(side, dtype="float32")
    left, top, right, bottom = (ops.reshape(boxes[:, i], (-1, 1)) for i in range(4))
    across = ops.logical_and(place[None] >= left, place[None] < right)[:, None, :, None]
    down = ops.logical_and(place[None] >= top, place[None] < bottom)[:, :, None, None]
    return ops.where(ops.logical_and(across, down), _wide(fill), images)


def cover(images: Any, points: Any, fill: Any, chosen: Any) -> Any:
    """Something like a mask, in one level [N], over nose and mouth of the faces chosen (bool [N]).

    An ellipse that turns with the eyes, from the tip of the nose to below the mouth. Faces without their eye centres,
    nose or mouth are left as they are.

    Args:
        images: see the module.
        points: keypoints [N, 15, 2] in pixels, NaN where missing.
        fill, chosen: [N].
    """
    side = images.shape[1]
    right_eye, left_eye = points[:, _EYES[1]], points[:, _EYES[0]]
    mouth = ops.mean(ops.take(points, list(_MOUTH), axis=1), axis=1)
    across = left_eye - right_eye
    eyes = ops.sqrt(ops.sum(across * across, axis=1, keepdims=True) + 1e-6)
    across = across / eyes
    down = ops.stack([-across[:, 1], across[:, 0]], axis=1)
    middle = (points[:, _NOSE] + mouth) / 2 + 0.15 * eyes * down

    def flat(column: Any) -> Any:
        return ops.reshape(column, (-1, 1, 1))

    place = ops.arange(side, dtype="float32")
    x = ops.reshape(place, (1, 1, -1)) - flat(middle[:, 0])
    y = ops.reshape(place, (1, -1, 1)) - flat(middle[:, 1])
    along = (x * flat(across[:, 0]) + y * flat(across[:, 1])) / flat(0.85 * eyes)
    upright = (x * flat(down[:, 0]) + y * flat(down[:, 1])) / flat(0.70 * eyes)
    inside = along * along + upright * upright < 1.0  # never so where anything is NaN
    inside = ops.logical_and(inside, flat(chosen))
    return ops.where(ops.expand_dims(inside, -1), _wide(fill), images)
