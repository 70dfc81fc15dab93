"""What of a data set can be learnt: the classes that enough people show, and who is learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.manifest import DataError, PackedData
from ml.data.splits import TRAIN, VALIDATION


@dataclass(frozen=True)
class LearningTask:
    """The learnable part of a data set.

    Attributes:
        classes: names of what is learnt, in the order of the network's outputs.
        left_out: names of classes that too few people show.
        labels: int32 [N] of every picture of the data set, index into ``classes``; −1 where its class is left out.
        train, validation: which pictures are learnt from, and which are looked at after each epoch.
    """

    classes: tuple[str, ...]
    left_out: tuple[str, ...]
    labels: NDArray[np.int32]
    train: NDArray[np.intp]
    validation: NDArray[np.intp]

    def class_weights(self) -> NDArray[np.float32]:
        """Float32 [classes]: rare classes weigh more, by the root of their rarity."""
        count = np.bincount(self.labels[self.train], minlength=len(self.classes))
        return np.asarray(np.sqrt(count.mean() / np.maximum(count, 1)), dtype=np.float32)


def choose_task(data: PackedData, min_people: int) -> LearningTask:
    """Keep the classes with at least ``min_people`` people to learn from and one picture to validate on.

    Raises:
        DataError: fewer than two classes are left.
    """
    train, validation = data.indices(TRAIN), data.indices(VALIDATION)
    kept: list[str] = []
    left_out: list[str] = []
    for index, name in enumerate(data.classes):
        people = np.unique(data.persons[train[data.labels[train] == index]])
        validated = bool((data.labels[validation] == index).any())
        (kept if len(people) >= min_people and validated else left_out).append(name)
    if len(kept) < 2:
        raise DataError(
            f"Only {len(kept)} of {len(data.classes)} classes have {min_people} people to learn from and one to "
            "validate on; two classes are needed: collect or accept more photos."
        )
    number = {name: i for i, name in enumerate(kept)}
    of_class = np.array([number.get(name, -1) for name in data.classes], dtype=np.int32)
    labels = of_class[data.labels]
    return LearningTask(
        classes=tuple(kept),
        left_out=tuple(left_out),
        labels=labels,
        train=train[labels[train] >= 0],
        validation=validation[labels[validation] >= 0],
    )
