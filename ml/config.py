"""What a training run is asked to do: one immutable value, kept in the artifact as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


class ConfigError(ValueError):
    """A setting that cannot be; the sentence names it."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        task: "smiley".
        architecture: a name from ``ml.nets.registry``.
        epochs: at most so many passes over the training people's pictures.
        batch_size: pictures a step.
        learning_rate: Adam's, at the start.
        patience: epochs without a better validation loss before the learning rate is halved.
        max_seconds: stop after the epoch that passes this; counts training only. None: no limit.
        seed: of the weights, the order, the augmentation and, for data that is not packed, the division by
            person.
        augment: train on random views.
        balance: weigh rare classes up by the root of their rarity.
        min_people: a class with fewer people than this among those learnt from is left out.
        mixed_precision: half precision on a GPU; ignored without one.
    """

    task: str = "smiley"
    architecture: str = "garage_cnn"
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 1e-3
    patience: int = 5
    max_seconds: float | None = None
    seed: int = 0
    augment: bool = True
    balance: bool = False
    min_people: int = 3
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "min_people"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} has to be at least 1, not {getattr(self, name)}.")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate has to lie between 0 and 1, not {self.learning_rate}.")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ConfigError(f"max_seconds has to be over 0, not {self.max_seconds}.")
        if self.seed < 0:
            raise ConfigError(f"seed has to be 0 or more, not {self.seed}.")

    def to_json(self) -> str:
        """One line of JSON; :meth:`from_json` gives an equal value back."""
        return json.dumps(asdict(self), sort_keys=True)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

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
