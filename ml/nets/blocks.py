"""What our networks are built of. Names are stable, so that one network can start from another's weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

#: Of the running statistics: small collections make few steps an epoch.
MOMENTUM = 0.9


def convolve(x: Any, filters: int, kernel: int = 3, *, name: str, stride: int = 1, relu: bool = True) -> Any:
    """Convolution, batch normalisation and, unless refused, ReLU."""
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def residual(x: Any, filters: int, *, name: str, stride: int = 1) -> Any:
    """Two 3×3 convolutions beside a short cut (He et al., CVPR 2016)."""
    short = x
    if stride > 1 or x.shape[-1] != filters:
        short = layers.AveragePooling2D(stride, name=f"{name}_pool")(x) if stride > 1 else x
        short = convolve(short, filters, 1, name=f"{name}_short", relu=False)
    y = convolve(x, filters, name=f"{name}_a", stride=stride)
    y = convolve(y, filters, name=f"{name}_b", relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([short, y]))


def trunk(x: Any, *, stride: int) -> tuple[Any, Any]:
    """What our networks for points and for smileys have in common: (features at an eighth, at a sixteenth).

    Args:
        x: [N, S, S, C], standardised.
        stride: of the first convolution: 2, or 1 for inputs of half the size.
    """
    x = convolve(x, 16, 5, name="stem", stride=stride)
    x = convolve(x, 32, name="down1", stride=2)
    fine = residual(convolve(x, 48, name="down2", stride=2), 48, name="fine")
    coarse = residual(convolve(fine, 96, name="down3", stride=2), 96, name="coarse")
    return fine, coarse


def standardised(inputs: Any) -> Any:
    """Each picture less its mean, over its deviation: the light of the room is no feature."""
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    return layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, epsilon=1e-4, name="standardise"
    )(x)


@keras.saving.register_keras_serializable("smielfy")
class SoftArgmax(keras.layers.Layer):  # type: ignore[misc]
    """The expected position under a softmax over each map (Luvizon et al., Computers & Graphics 2019).

    Args:
        size: side of the picture that the positions are in, in pixels.
        margin: how far outside of it positions can lie.

    Call with [N, H, W, K]; returns [N, K, 2], (x, y) in pixels.
    """

    def __init__(self, size: int, margin: float = 6.0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.margin = size, margin

    def call(self, maps: Any) -> Any:
        """Positions of the maps' centres of mass."""
        _, height, width, count = maps.shape
        flat = ops.reshape(ops.cast(maps, "float32"), (-1, height * width, count))
        shares = ops.softmax(flat, axis=1)
        xs, ys = (ops.linspace(-self.margin, self.size - 1 + self.margin, n) for n in (width, height))
        grid = ops.stack([ops.tile(xs, (height,)), ops.repeat(ys, width)], axis=1)
        return ops.matmul(ops.transpose(shares, (0, 2, 1)), ops.cast(grid, "float32"))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """[N, K, 2]."""
        return (shape[0], shape[-1], 2)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the same layer again."""
        return {**super().get_config(), "size": self.size, "margin": self.margin}


@keras.saving.register_keras_serializable("smielfy")
class LabelOffset(keras.layers.Layer):  # type: ignore[misc]
    """Points [N, K, 2] moved sideways by a learnt constant.

    The labels of a collection may lie beside the picture by a pixel (another idea of where a pixel's middle is, another
    annotator). A network that learns from mirror images, too, cannot know: in those the labels lie on the other side.
    ``ml.learner`` mirrors them about where they are symmetric, and learns the offset with the rest.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, shape: Any) -> None:
        """One number, in pixels."""
        self.offset = self.add_weight(shape=(1,), initializer="zeros", name="offset")

    @property
    def vector(self) -> Any:
        """(dx, 0)."""
        return self.offset * np.array([1.0, 0.0], np.float32)

    def call(self, points: Any) -> Any:
        """The points where the labels would be."""
        return points + self.vector
