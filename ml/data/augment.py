"""Random views of the same face, made in batches on the device that trains."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("smielfy")
class RandomViews(keras.layers.Layer):  # type: ignore[misc]
    """Mirror, turn, scale, shift, brighten and spread the tones of each picture on its own, while training only.

    No default smiley has a left and a right, so that a mirrored face keeps its label.

    Args:
        degrees: largest turn to either side.
        scale: largest change of size, as a share.
        shift: largest shift, as a share of the side.
        brightness: largest change of brightness, as a share of white.
        contrast: largest change of contrast, as a share.
        flip: mirror half of the pictures.
        seed: of the drawing.

    Call with float [N, S, S, C] in 0…255; returns the same shape and range.
    """

    def __init__(
        self,
        *,
        degrees: float = 12.0,
        scale: float = 0.12,
        shift: float = 0.06,
        brightness: float = 0.15,
        contrast: float = 0.25,
        flip: bool = True,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = {
            "degrees": degrees, "scale": scale, "shift": shift, "brightness": brightness,
            "contrast": contrast, "flip": flip, "seed": seed,
        }  # fmt: skip
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """The pictures as they are, or, when training, changed."""
        if not training:
            return images
        return self._tones(self._moved(images))

    def _draw(self, images: Any, largest: float) -> Any:
        """One number in ±largest a picture, [N]."""
        count = ops.shape(images)[0]
        return keras.random.uniform((count,), -largest, largest, seed=self.seed_generator)

    def _moved(self, images: Any) -> Any:
        side = images.shape[1]
        middle = (side - 1) / 2
        angle = self._draw(images, math.radians(self.options["degrees"]))
        zoom = 1.0 + self._draw(images, self.options["scale"])
        mirror = ops.sign(self._draw(images, 1.0)) if self.options["flip"] else ops.ones_like(angle)
        dx = self._draw(images, self.options["shift"] * side)
        dy = self._draw(images, self.options["shift"] * side)
        # From each new pixel back to where it was, about the middle: mirror · turn / zoom, then the shift.
        a, b = ops.cos(angle) / zoom, ops.sin(angle) / zoom
        a0, a1, b0, b1 = mirror * a, -mirror * b, b, a
        nil = ops.zeros_like(a)
        transform = ops.stack(
            [
                a0, a1, middle - a0 * middle - a1 * middle + dx,
                b0, b1, middle - b0 * middle - b1 * middle + dy,
                nil, nil,
            ],
            axis=1,
        )  # fmt: skip
        # A border of repeated pixels is nearer to a photo than a black one, which the net would learn.
        return ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="nearest")

    def _tones(self, images: Any) -> Any:
        shape = (-1, 1, 1, 1)
        spread = ops.cast(1.0 + self._draw(images, self.options["contrast"]), images.dtype)
        lift = ops.cast(255.0 * self._draw(images, self.options["brightness"]), images.dtype)
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        changed = (images - mean) * ops.reshape(spread, shape) + mean + ops.reshape(lift, shape)
        return ops.clip(changed, 0.0, 255.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the same layer again."""
        return {**super().get_config(), **self.options}
