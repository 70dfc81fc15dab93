"""Batches for Keras from a packed data set: read from disk, resized, as they are needed."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.tasks.base import Task


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Dictionaries of arrays: ``image`` float32 [B, size, size, channels] in 0…255 and what the task adds to it.

    Args:
        task: what is learnt, of which data.
        indices: which of its pictures, in which order.
        batch_size: pictures a batch; the last may be smaller.
        bare: pictures alone, without what is to be learnt of them.
    """

    def __init__(self, task: Task, indices: NDArray[np.intp], *, batch_size: int, bare: bool = False) -> None:
        super().__init__(workers=1)
        self._task, self._indices, self._batch_size, self._bare = task, indices, batch_size, bare

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self._indices[index * self._batch_size : (index + 1) * self._batch_size]
        image = self._task.pictures(chosen).astype(np.float32)
        if self._bare:
            return (image,)
        weights = self._task.weights(chosen)
        extra = {} if weights is None else {"weight": weights}
        return ({"image": image, **self._task.columns(chosen), **extra},)


def shuffled(indices: NDArray[np.intp], *, seed: int, epoch: int) -> NDArray[np.intp]:
    """A new order for each epoch, the same again for the same seed: a resumed run sees what it would have seen."""
    return np.random.default_rng([seed, epoch]).permutation(indices)
