"""Our network for smileys: the trunk of the keypoint network, averaged over the face."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from ml.nets.blocks import residual, standardised, trunk


@keras.saving.register_keras_serializable("smielfy")
class Grey(keras.layers.Layer):  # type: ignore[misc]
    """Brightness [N, H, W, 1] of RGB [N, H, W, 3] (Rec. 601)."""

    def call(self, images: Any) -> Any:
        """The weighted sum of the channels."""
        weights = ops.convert_to_tensor([0.299, 0.587, 0.114], dtype=images.dtype)
        return ops.sum(images * weights, axis=-1, keepdims=True)


def smielfy_faces(classes: int, *, size: int = 48, channels: int = 3) -> Any:
    """A small residual network that looks at brightness alone: the colour of a room is no expression.

    Its layers are named as those of ``smielfy_points``, so that it can start from a trained one. What was tried beside
    it, with figures: docs/experiments.md.

    Args:
        classes: how many.
        size: side of the input in pixels.
        channels: 3 for RGB, 1 for grey.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → probabilities float32 [N, classes].
    """
    inputs = keras.Input((size, size, channels), name="image")
    grey = Grey(name="grey")(inputs) if channels == 3 else inputs
    _, x = trunk(standardised(grey), stride=1)
    x = residual(x, x.shape[-1], name="last")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.4, name="dropout")(x)
    # Always in full precision: half of it is too coarse for a softmax.
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="smielfy_faces")
