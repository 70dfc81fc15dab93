"""Which networks there are, by task and name, without loading a training framework to answer that."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network that can be trained by name.

    Attributes:
        task: "smiley".
        builder: "module:function"; the function takes (classes, *, size, channels) and returns a keras.Model.
        size: side of its input in pixels.
        channels: 3 for RGB, 1 for grey.
    """

    task: str
    builder: str
    size: int
    channels: int

    def build(self, classes: int) -> Any:
        """The untrained network. Imports Keras."""
        module, function = self.builder.split(":")
        return getattr(import_module(module), function)(classes, size=self.size, channels=self.channels)


ARCHITECTURES = {
    "garage_cnn": Architecture("smiley", "ml.nets.published:garage_cnn", 48, 3),
}

#: What is trained when no name is given.
BEST = {"smiley": "garage_cnn"}


def architecture(name: str, task: str) -> Architecture:
    """Look a network up. Raises ValueError, naming those that there are."""
    found = ARCHITECTURES.get(name)
    if found is None or found.task != task:
        known = ", ".join(sorted(key for key, value in ARCHITECTURES.items() if value.task == task))
        raise ValueError(f"There is no architecture {name!r} for {task}: choose one of {known}.")
    return found
