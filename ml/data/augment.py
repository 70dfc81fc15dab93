"""Random views of faces, made in batches on the device that trains: the picture and what belongs to it together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
from keras import ops

from ml.data import effects, warps


@dataclass(frozen=True, slots=True)
class Views:
    """How far views may differ from the picture. 0 leaves a thing out.

    Attributes:
        degrees, scale, shear, shift, tilt: largest turn, change of size, lean, shift (share of the side), perspective.
        flip: mirror half of the pictures; left and right points change names. No default smiley has a left and a
            right, so that a mirrored face keeps its label.
        contrast, brightness: largest change, as a share (of white).
        colour, saturation: largest change of a channel's gain, and of the saturation.
        blur, noise, jpeg, cutout, cover: the share of pictures that get it.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    tilt: float = 0.0
    flip: bool = False
    contrast: float = 0.0
    brightness: float = 0.0
    colour: float = 0.0
    saturation: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    cutout: float = 0.0
    cover: float = 0.0


#: By the name that configs give.
VIEWS = {
    "plain": Views(degrees=12, scale=0.12, shift=0.06, flip=True, contrast=0.25, brightness=0.15),
    # As published for inception_lite: blur with contrast, turns, scales, mirror images.
    "published": Views(degrees=15, scale=0.2, flip=True, contrast=0.3, blur=0.5),
    # As published for unet_resnet: mirror images and colours, the same for both pictures of a pair.
    "mirror": Views(flip=True, contrast=0.5, brightness=0.1, saturation=0.5),
    "paired": Views(degrees=10, scale=0.1, shift=0.04, flip=True, contrast=0.25, brightness=0.12, colour=0.08),
    "moved": Views(degrees=20, scale=0.2, shear=0.08, shift=0.08, flip=True, contrast=0.35, brightness=0.15),
    # For faces that are cut out alike, as smileys are.
    "aligned": Views(
        degrees=10, scale=0.1, shear=0.05, shift=0.06, flip=True, contrast=0.3, brightness=0.1, cutout=0.5,
    ),
    "full": Views(
        degrees=20, scale=0.2, shear=0.08, shift=0.08, tilt=0.08, flip=True, contrast=0.35, brightness=0.15,
        colour=0.1, saturation=0.3, blur=0.2, noise=0.3, jpeg=0.2, cutout=0.3, cover=0.1,
    ),
}  # fmt: skip

_SIGMA = 1.5  # the largest blur, in pixels
_GRAIN = 10.0  # the largest noise, in levels
_DRAWS = 28


@keras.saving.register_keras_serializable("smielfy")
class Augment(keras.layers.Layer):  # type: ignore[misc]
    """Changes a batch while training, each picture by its own draw, and leaves it alone otherwise.

    Args:
        views: how far.
        seed: of the drawing.

    Call with a dictionary: ``image`` float [N, S, S, C] in 0…255; if there are any, ``points`` [N, 15, 2] in pixels;
    for mask removal ``target`` like ``image`` and ``alpha`` [N, S, S, 1], which see the same view. Anything else
    passes through.
    """

    def __init__(self, views: Views, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.views, self.seed = views, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, batch: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The batch as it is, or, when training, changed."""
        if not training:
            return batch
        count = ops.shape(batch["image"])[0]
        uniform = keras.random.uniform((count, _DRAWS), seed=self.seed_generator)
        draws = iter(range(_DRAWS))
        batch = self._moved(dict(batch), lambda: uniform[:, next(draws)])
        batch = self._lit(batch, lambda: uniform[:, next(draws)])
        if "target" not in batch:
            # What spoils a picture would spoil what is to be restored.
            batch["image"] = self._spoilt(batch, lambda: uniform[:, next(draws)])
        for name in ("image", "target"):
            if name in batch:
                batch[name] = ops.clip(batch[name], 0.0, 255.0)
        return batch

    def _moved(self, batch: dict[str, Any], draw: Any) -> dict[str, Any]:
        views, side = self.views, batch["image"].shape[1]

        def within(largest: float) -> Any:
            return (2 * draw() - 1) * largest

        mirror = draw() < (0.5 if views.flip else 0.0)
        matrix = warps.matrices(
            side, mirror=mirror, angle=within(math.radians(views.degrees)), zoom=1 + within(views.scale),
            shear=within(views.shear), dx=within(views.shift * side), dy=within(views.shift * side),
            tilt_x=within(views.tilt), tilt_y=within(views.tilt),
        )  # fmt: skip
        names = [name for name in ("image", "target", "alpha") if name in batch]
        stacked = warps.warp(ops.concatenate([batch[name] for name in names], axis=-1), matrix)
        start = 0
        for name in names:
            channels = batch[name].shape[-1]
            batch[name] = stacked[..., start : start + channels]
            start += channels
        if "points" in batch:
            batch["points"] = warps.move_points(batch["points"], matrix, mirror)
        return batch

    def _lit(self, batch: dict[str, Any], draw: Any) -> dict[str, Any]:
        views, image = self.views, batch["image"]
        contrast = 1 + (2 * draw() - 1) * views.contrast
        lift = (2 * draw() - 1) * 255.0 * views.brightness
        gains = ops.stack([1 + (2 * draw() - 1) * views.colour for _ in range(3)], axis=1)
        saturation = 1 + (2 * draw() - 1) * views.saturation
        mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
        for name in ("image", "target"):
            if name not in batch:
                continue
            if (views.colour or views.saturation) and image.shape[-1] == 3:
                batch[name] = effects.colour(batch[name], gains, saturation)
            if views.contrast or views.brightness:
                batch[name] = effects.tones(batch[name], contrast, lift, about=mean)
        return batch

    def _spoilt(self, batch: dict[str, Any], draw: Any) -> Any:
        views, image = self.views, batch["image"]
        side = image.shape[1]
        if views.cover and "points" in batch:
            image = effects.cover(image, batch["points"], draw() * 255.0, draw() < views.cover)
        if views.cutout:
            chosen = draw() < views.cutout
            width, height = ((0.1 + 0.25 * draw()) * side for _ in range(2))
            left, top = draw() * (side - width), draw() * (side - height)
            right = ops.where(chosen, left + width, left)
            boxes = ops.stack([left, top, right, top + height], axis=1)
            image = effects.cutout(image, boxes, draw() * 255.0)
        if views.blur:
            image = _some(image, views.blur, draw(), draw() * _SIGMA, effects.blur)
        if views.noise:
            image = _some(image, views.noise, draw(), draw() * _GRAIN, self._noisy)
        if views.jpeg and side % 8 == 0:
            image = _some(image, views.jpeg, draw(), 15 + 65 * draw(), effects.jpeg)
        return image

    def _noisy(self, images: Any, sigma: Any) -> Any:
        # In brightness alone: cameras smooth colours, and so does JPEG.
        normal = keras.random.normal((*ops.shape(images)[:-1], 1), seed=self.seed_generator)
        return effects.noise(images, sigma, normal)

    def compute_output_spec(self, batch: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The same shapes."""
        return batch

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the same layer again."""
        return {**super().get_config(), "views": asdict(self.views), "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augment:
        """The layer that :meth:`get_config` describes."""
        return cls(Views(**config.pop("views")), **config)


def _some(images: Any, share: float, lot: Any, amount: Any, effect: Callable[[Any, Any], Any]) -> Any:
    """A costly effect on a share of the batch alone: those whose lot [N] is lowest.

    So many in every batch, instead of each by a chance of its own: no work is done to be thrown away.
    """
    count = ops.cast(ops.ceil(share * ops.cast(ops.shape(images)[0], "float32")), "int32")
    chosen = ops.argsort(lot)[:count]
    changed = effect(ops.take(images, chosen, axis=0), ops.take(amount, chosen))
    return ops.scatter_update(images, ops.expand_dims(chosen, -1), changed)
