"""Our network for mask removal: finds the mask, imagines what is under it, and leaves the rest as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from ml.nets.blocks import convolve, residual


@keras.saving.register_keras_serializable("smielfy")
class Composite(keras.layers.Layer):  # type: ignore[misc]
    """The invented picture where the mask is, the input elsewhere, and where that is.

    Call with (input [N, H, W, 3] in 0…255, invented [N, H, W, 3] in 0…1, mask [N, H, W, 1] in 0…1); returns
    [N, H, W, 4] in 0…255: the picture and the mask.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, parts: Sequence[Any]) -> Any:
        """Mix by the mask."""
        photo, invented, mask = (ops.cast(part, "float32") for part in parts)
        return ops.concatenate([photo * (1 - mask) + 255.0 * invented * mask, 255.0 * mask], axis=-1)


def smielfy_unmask(
    outputs: int = 3,
    *,
    size: int = 128,
    channels: int = 3,
    filters: Sequence[int] = (16, 24, 48, 64, 96, 128),
    kernels: Sequence[int] = (5, 3, 3, 3, 3, 3),
) -> Any:
    """A U-Net of residual blocks that works at half the picture's size and below.

    Where the mask is is learnt beside what is under it; so the skin that can be seen stays, to the pixel, and whoever
    serves the result can mark what was invented. What was tried beside it, with figures: docs/experiments.md.

    Args:
        outputs: 3: the picture; a fourth channel, the mask, is added.
        size: side in pixels, divisible by 2 to the number of filters.
        channels: of the input, 3.
        filters, kernels: of each step, from the outside in.

    Returns:
        A keras.Model: float32 [N, size, size, 3] in 0…255 → float32 [N, size, size, 4] in 0…255.
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = sharp = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(inputs)
    skips = []
    for index, (width, kernel) in enumerate(zip(filters, kernels, strict=True)):
        x = convolve(x, width, kernel, name=f"down{index}", stride=2)
        x = residual(x, width, name=f"code{index}") if index else x
        skips.append(x)
    for index in reversed(range(len(filters) - 1)):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{index}")(x)
        x = layers.Concatenate(name=f"join{index}")([x, skips[index]])
        x = convolve(x, filters[index], name=f"up{index}_mix")
        x = residual(x, filters[index], name=f"up{index}_code")
    x = layers.UpSampling2D(2, interpolation="bilinear", name="up")(x)
    x = convolve(layers.Concatenate(name="join")([x, sharp]), filters[0], name="last")
    invented = layers.Conv2D(outputs, 1, activation="sigmoid", dtype="float32", name="invented")(x)
    mask = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)
    return keras.Model(inputs, Composite(name="picture")([inputs, invented, mask]), name="smielfy_unmask")
