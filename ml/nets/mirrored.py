"""A network's answer averaged with its answer to the mirror image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ml.data.packed import KEYPOINTS, UNMASK
from ml.landmarks import FLIP_PERMUTATION
from ml.nets.blocks import LabelOffset


@keras.saving.register_keras_serializable("smielfy")
class Mirror(keras.layers.Layer):  # type: ignore[misc]
    """Pictures [N, H, W, C] left for right."""

    def call(self, images: Any) -> Any:
        """The mirror images."""
        return ops.flip(images, axis=2)


@keras.saving.register_keras_serializable("smielfy")
class MirrorPoints(keras.layers.Layer):  # type: ignore[misc]
    """Keypoints [N, 15, 2] of mirror images as those of the pictures: x → side − 1 − x, left and right exchanged.

    Args:
        side: of the pictures, in pixels.
        offset: by how much labels lie beside the picture, in pixels; see ``ml.nets.blocks.LabelOffset``.
    """

    def __init__(self, side: int, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side, self.offset = side, offset

    def call(self, points: Any) -> Any:
        """The points where they are in the picture."""
        swapped = ops.take(points, list(FLIP_PERMUTATION), axis=1)
        return ops.concatenate(
            [self.side - 1 + 2 * self.offset - swapped[..., :1], swapped[..., 1:]], axis=-1
        )

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the same layer again."""
        return {**super().get_config(), "side": self.side, "offset": self.offset}


def averaged_with_mirror(net: Any, task: str) -> Any:
    """A keras.Model that asks ``net`` twice and answers the mean. Input and output are the net's."""
    inputs = keras.Input(net.inputs[0].shape[1:], name="image")
    other = net(Mirror(name="mirror")(inputs))
    if task == KEYPOINTS:
        beside = sum(float(layer.offset[0]) for layer in net.layers if isinstance(layer, LabelOffset))
        other = MirrorPoints(int(net.inputs[0].shape[1]), beside, name="mirror_points")(other)
    elif task == UNMASK:
        other = Mirror(name="mirror_back")(other)
    return keras.Model(inputs, keras.layers.Average(name="mean")([net(inputs), other]), name=net.name)
