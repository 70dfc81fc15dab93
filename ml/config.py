"""What a training run is asked to do: one immutable value, kept in the artifact as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ml.nets.registry import BEST, architecture

SCHEDULES = ("plateau", "cosine", "constant")
#: What NumPy's and Keras's generators take.
SEEDS = range(2**32)


class ConfigError(ValueError):
    """A setting that cannot be; the sentence names it."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of one training run. :meth:`of` fills in what an architecture is best, or was published, with.

    Attributes:
        task: "smiley", "keypoints" or "unmask".
        architecture: a name from ``ml.nets.registry``.
        epochs: at most so many passes over the training people's pictures.
        batch_size: pictures a step; halved once if the memory does not hold it.
        learning_rate: Adam's, at the start.
        schedule: "plateau" lowers the rate when the validation loss stands still, "cosine" lets it sink to nothing over
            the epochs or ``max_seconds``, whichever ends first, "constant" leaves it.
        patience: epochs without a better validation loss before "plateau" lowers the rate.
        plateau_factor: what it then is multiplied by.
        least_rate: what it never goes below.
        stop_patience: epochs without a better result on the validation people before the run ends.
        max_seconds: stop after the epoch that passes this; counts training only. None: no limit.
        clock: what counts them: "wall", or "cpu", the process's own, which is fairer on a machine that is shared.
        seed: of the weights, the order, the augmentation and, for data that is not packed, the division by
            person.
        augment: train on random views.
        views: which, by name; see ``ml.data.augment.VIEWS``.
        balance: weigh rare classes up by the root of their rarity.
        min_people: a class with fewer people than this among those learnt from is left out.
        mixed_precision: half precision and XLA on a GPU; ignored without one.
        loss: by name; see the task. "": the task's own.
        label_smoothing: smileys only, 0 to 1.
        mixup: smileys only: mix pairs of pictures, by shares drawn from Beta(mixup, mixup); 0: no.
        weight_decay: AdamW's; 0: plain Adam.
        ema: momentum of the moving average of the weights that is judged and kept; 0: the weights themselves.
        flip_test: what is kept averages its answer over the picture and its mirror image.
        onnx: write ``model.onnx``, too.
        warm_start: an artifact directory to take weights from, wherever layers have the same name and shape.
        size: side of the network's input in pixels; None: the architecture's.
        filters, kernels: of the U-Nets, from the outside in; None: the architecture's.
    """

    task: str = "smiley"
    architecture: str = "garage_cnn"
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 1e-3
    schedule: str = "plateau"
    patience: int = 5
    plateau_factor: float = 0.5
    least_rate: float = 0.0
    stop_patience: int = 30
    max_seconds: float | None = None
    clock: str = "wall"
    seed: int = 0
    augment: bool = True
    views: str = "plain"
    balance: bool = False
    min_people: int = 3
    mixed_precision: bool = True
    loss: str = ""
    label_smoothing: float = 0.0
    mixup: float = 0.0
    weight_decay: float = 0.0
    ema: float = 0.0
    flip_test: bool = False
    onnx: bool = False
    warm_start: str | None = None
    size: int | None = None
    filters: tuple[int, ...] | None = None
    kernels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("filters", "kernels"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        for name in ("epochs", "batch_size", "patience", "min_people", "stop_patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} has to be at least 1, not {getattr(self, name)}.")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate has to lie between 0 and 1, not {self.learning_rate}.")
        for name in ("label_smoothing", "ema", "plateau_factor", "least_rate", "weight_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} has to be from 0 to under 1, not {getattr(self, name)}.")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ConfigError(f"max_seconds has to be over 0, not {self.max_seconds}.")
        if self.seed not in SEEDS:
            raise ConfigError(f"seed has to be from 0 to {SEEDS[-1]}, not {self.seed}.")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule has to be one of {', '.join(SCHEDULES)}, not {self.schedule}.")
        if self.clock not in ("wall", "cpu"):
            raise ConfigError(f"clock has to be wall or cpu, not {self.clock}.")
        if self.size is not None and self.size < 16:
            raise ConfigError(f"size has to be at least 16, not {self.size}.")
        if self.filters is not None and self.kernels is not None and len(self.filters) != len(self.kernels):
            raise ConfigError("filters and kernels have to be equally many.")

    @classmethod
    def of(cls, task: str, name: str | None = None, **settings: Any) -> TrainConfig:
        """The config of an architecture (by default our best for the task), with some settings of one's own.

        Raises:
            ConfigError: no such architecture or setting.
        """
        name = name or BEST.get(task, "")
        try:
            recipe = architecture(name, task).recipe
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return cls.from_dict({"task": task, "architecture": name, **recipe, **settings})

    def but(self, **settings: Any) -> TrainConfig:
        """The same with other settings."""
        return replace(self, **settings)

    def to_json(self) -> str:
        """One line of JSON; :meth:`from_json` gives an equal value back."""
        return json.dumps(self.as_dict(), sort_keys=True)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        values = asdict(self)
        for name in ("filters", "kernels"):
            values[name] = None if values[name] is None else list(values[name])
        return values

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        """Raises ConfigError on anything that is no config."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"This is no JSON: {error}.") from None
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Raises ConfigError where a setting is unknown or of the wrong kind."""
        if not isinstance(values, Mapping):
            raise ConfigError("A config is a JSON object.")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(f"There is no setting called {unknown[0]!r}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"A setting is of the wrong kind: {error}.") from None


def seed(text: str) -> int:
    """A seed from the command line. Raises ``argparse.ArgumentTypeError`` where it is none."""
    try:
        if int(text) in SEEDS:
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"a whole number from 0 to {SEEDS[-1]} is needed, not {text}")
