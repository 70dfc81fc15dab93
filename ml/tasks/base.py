"""The interface that training sees of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.config import ConfigError, TrainConfig
from ml.data.packed import DataError, PackedData
from ml.data.splits import TRAIN, VALIDATION
from ml.nets.registry import architecture
from ml.pictures import Picture, resize_squares

Array = NDArray[np.float32]


class Task(ABC):
    """The learnable part of a data set, and how answers are judged while learning.

    Attributes:
        train, validation: which pictures are learnt from, and which are looked at after each epoch.
        classes: names of the network's outputs, where they have names.
        left_out: names of what too few people show.
        notices: sentences about what is left out.
        size, channels: of the network's input.
    """

    #: Losses by the names that configs give; the first is the default.
    losses: tuple[str, ...] = ()
    #: The figure of an epoch's row that tells which network is kept, and whether more of it is better.
    figure: str = "validation_loss"
    more_is_better = False
    #: The figure whose standing still lowers the rate of the plateau schedule; less of it is better.
    plateau = "validation_loss"

    def __init__(self, config: TrainConfig, data: PackedData) -> None:
        self.config, self.data = config, data
        net = architecture(config.architecture, config.task)
        self.size, self.channels = config.size or net.size, net.channels
        self.classes: tuple[str, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.notices: list[str] = []
        self.train, self.validation = data.indices(TRAIN), data.indices(VALIDATION)
        self.loss_name = config.loss or self.losses[0]
        if self.loss_name not in self.losses:
            raise ConfigError(
                f"There is no loss {config.loss!r} for {config.task}: use {', '.join(self.losses)}."
            )
        self.prepare()
        for split, chosen in ((TRAIN, self.train), (VALIDATION, self.validation)):
            if len(chosen) == 0:
                raise DataError(
                    f"Nobody is in the {split} split: collect or accept more photos, of more people."
                )

    @abstractmethod
    def prepare(self) -> None:
        """Choose what can be learnt. Raises DataError."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """What the network is built with: classes, keypoints, or channels of a picture."""

    @abstractmethod
    def columns(self, indices: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """What is to be learnt of these pictures, an array a name."""

    @abstractmethod
    def loss(self, prediction: Any, batch: dict[str, Any]) -> Any:
        """How wrong a prediction of a batch is, one number a picture [N], in keras.ops."""

    @abstractmethod
    def rows(self, predictions: Array, indices: NDArray[np.intp]) -> NDArray[np.float64]:
        """What is counted of each validation picture, [n, K]."""

    @abstractmethod
    def figures(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Figures over :meth:`rows`, ``validation_loss`` and :attr:`figure` among them."""

    def pictures(self, indices: NDArray[np.intp]) -> Picture:
        """What the network sees: uint8 [n, size, size, channels]."""
        return resize_squares(np.asarray(self.data.images[indices]), self.size, self.channels)

    def weights(self, indices: NDArray[np.intp]) -> Array | None:
        """How much each picture counts [n], or None for all the same."""
        return None

    def result(self, row: dict[str, float]) -> tuple[float, float]:
        """An epoch's result, larger for better: the task's figure, then less loss."""
        figure = row[self.figure]
        return (figure if self.more_is_better else -figure, -row["validation_loss"])
