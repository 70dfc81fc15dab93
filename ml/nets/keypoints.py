"""Our network for the fifteen keypoints: small, residual, with soft-argmax over coarse heatmaps."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ml.nets.blocks import LabelOffset, SoftArgmax, convolve, residual, standardised, trunk


def smielfy_points(points: int = 15, *, size: int = 96, channels: int = 1) -> Any:
    """Down to a sixteenth of the picture, up again to an eighth, one heatmap a point.

    Heatmaps of 12×12 place a point to a tenth of a cell, by the expected position under their softmax; finer ones cost
    more and were no better. What was tried beside it, with figures: docs/experiments.md.

    Args:
        points: how many.
        size: side of the input in pixels, a multiple of 16.
        channels: 1 for grey, 3 for RGB.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → positions float32 [N, points, 2] in pixels.
    """
    inputs = keras.Input((size, size, channels), name="image")
    fine, coarse = trunk(standardised(inputs), stride=2)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="up")(coarse)
    x = layers.Add(name="join")([convolve(x, fine.shape[-1], 1, name="fit"), fine])
    x = residual(x, fine.shape[-1], name="mix")
    maps = layers.Conv2D(points, 1, name="heatmaps")(x)
    points_found = LabelOffset(name="beside")(SoftArgmax(size, name="points")(maps))
    return keras.Model(inputs, points_found, name="smielfy_points")
