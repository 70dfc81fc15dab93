"""Which networks there are, by task and name, without loading a training framework to answer that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network that can be trained by name.

    Attributes:
        task: "smiley", "keypoints" or "unmask".
        builder: "module:function"; the function takes (outputs, *, size, channels) and returns a keras.Model. U-Nets
            take ``filters`` and ``kernels``, too.
        size: side of its input in pixels.
        channels: 3 for RGB, 1 for grey.
        recipe: settings of ``ml.config.TrainConfig`` that it is best, or was published, with.
    """

    task: str
    builder: str
    size: int
    channels: int
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def build(self, outputs: int, *, size: int | None = None, **shape: Any) -> Any:
        """The untrained network. Imports Keras.

        Args:
            outputs: classes, keypoints, or channels of the picture.
            size: another side of the input than the architecture's own.
            shape: ``filters`` and ``kernels``; those that are None are left to the builder.
        """
        module, function = self.builder.split(":")
        given = {name: value for name, value in shape.items() if value is not None}
        return getattr(import_module(module), function)(
            outputs, size=size or self.size, channels=self.channels, **given
        )


#: What ours have in common.
_OURS = {"schedule": "cosine", "weight_decay": 1e-4, "ema": 0.97, "flip_test": True, "views": "moved"}

ARCHITECTURES = {
    "garage_cnn": Architecture("smiley", "ml.nets.published:garage_cnn", 48, 3),
    "conv_head": Architecture(
        "keypoints", "ml.nets.published:conv_head", 96, 1,
        {"epochs": 250, "batch_size": 50, "learning_rate": 1e-4, "schedule": "constant", "stop_patience": 250,
         "augment": False, "loss": "mse"},
    ),
    "inception_lite": Architecture(
        "keypoints", "ml.nets.published:inception_lite", 96, 1,
        {"epochs": 300, "batch_size": 64, "learning_rate": 3e-3, "patience": 25, "plateau_factor": 0.8,
         "least_rate": 1e-5, "stop_patience": 300, "loss": "mse", "views": "published"},
    ),
    "unet_resnet": Architecture(
        "unmask", "ml.nets.published:unet_resnet", 256, 3,
        {"epochs": 20, "batch_size": 12, "learning_rate": 1e-4, "schedule": "constant", "stop_patience": 5,
         "loss": "ssim_l1", "views": "mirror"},
    ),
    "unet": Architecture(
        "unmask", "ml.nets.published:unet", 256, 3,
        {"epochs": 20, "batch_size": 12, "learning_rate": 1e-4, "schedule": "constant", "stop_patience": 5,
         "loss": "ssim_l1", "views": "mirror"},
    ),
    "smielfy_points": Architecture(
        "keypoints", "ml.nets.keypoints:smielfy_points", 96, 1,
        {**_OURS, "epochs": 200, "stop_patience": 200, "batch_size": 16, "learning_rate": 5e-3, "loss": "smooth_l1"},
    ),
    "smielfy_faces": Architecture(
        "smiley", "ml.nets.smiley:smielfy_faces", 48, 3,
        {**_OURS, "epochs": 100, "stop_patience": 100, "batch_size": 32, "learning_rate": 3e-3, "weight_decay": 1e-3,
         "label_smoothing": 0.1, "views": "aligned"},
    ),
    "smielfy_unmask": Architecture(
        "unmask", "ml.nets.unmask:smielfy_unmask", 128, 3,
        {**_OURS, "epochs": 100, "stop_patience": 100, "batch_size": 8, "learning_rate": 2e-3, "loss": "inside",
         "flip_test": False, "views": "paired"},
    ),
}  # fmt: skip

#: A network of another task that one can begin with, for they have a trunk in common.
RELATED = {"smielfy_faces": "smielfy_points"}

#: What is trained when no name is given.
BEST = {"smiley": "smielfy_faces", "keypoints": "smielfy_points", "unmask": "smielfy_unmask"}


def architecture(name: str, task: str) -> Architecture:
    """Look a network up. Raises ValueError, naming those that there are."""
    found = ARCHITECTURES.get(name)
    if found is None or found.task != task:
        known = ", ".join(sorted(key for key, value in ARCHITECTURES.items() if value.task == task))
        raise ValueError(f"There is no architecture {name!r} for {task}: choose one of {known}.")
    return found
