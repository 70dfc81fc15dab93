"""Our network for the fifteen keypoints: small, residual, with soft-argmax over low-resolution heatmaps."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ml.nets.blocks import SoftArgmax, convolve, residual, standardised

_WIDTHS = (16, 24, 48, 64)


def smielfy_points(points: int = 15, *, size: int = 96, channels: int = 1) -> Any:
    """Four stages down to a sixteenth, two steps up to a quarter of the picture, one heatmap a point.

    What was tried beside it, with figures: docs/experiments.md.

    Args:
        points: how many.
        size: side of the input in pixels, a multiple of 16.
        channels: 1 for grey, 3 for RGB.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → positions float32 [N, points, 2] in pixels.
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = standardised(inputs)
    x = convolve(x, _WIDTHS[0], 5, name="stem", stride=2)
    stages = []
    for index, filters in enumerate(_WIDTHS[1:], start=1):
        x = residual(x, filters, name=f"stage{index}_1", stride=2)
        x = residual(x, filters, name=f"stage{index}_2")
        stages.append(x)
    for index, skip in ((2, stages[1]), (1, stages[0])):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{index}")(x)
        x = convolve(x, skip.shape[-1], 1, name=f"up{index}_fit")
        x = layers.Add(name=f"up{index}_add")([x, skip])
        x = convolve(x, skip.shape[-1], name=f"up{index}_mix")
    maps = layers.Conv2D(points, 1, name="heatmaps")(x)
    return keras.Model(inputs, SoftArgmax(size, name="points")(maps), name="smielfy_points")
