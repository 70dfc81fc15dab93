"""Batches for Keras from a packed data set: read from disk, resized, as they are needed."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ml.data.manifest import PackedData
from ml.pictures import resize_squares


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Float32 pictures [B, size, size, channels] in 0…255 with their labels int32 [B] (and weights float32 [B]).

    Args:
        data: the data set.
        indices: which of its pictures, in which order.
        labels: int32 [len(data)], the label of every picture of ``data``.
        size, channels: what the network takes.
        batch_size: pictures a batch; the last may be smaller.
        weights: float32 [classes] to weigh each class's pictures by, or None.
    """

    def __init__(
        self,
        data: PackedData,
        indices: NDArray[np.intp],
        labels: NDArray[np.int32],
        *,
        size: int,
        channels: int,
        batch_size: int,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(workers=1)
        self._data = data
        self._indices = indices
        self._labels = labels
        self._size, self._channels, self._batch_size = size, channels, batch_size
        self._weights = weights

    def __len__(self) -> int:
        return math.ceil(len(self._indices) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self._indices[index * self._batch_size : (index + 1) * self._batch_size]
        images = resize_squares(np.asarray(self._data.images[chosen]), self._size, self._channels)
        labels = self._labels[chosen]
        batch = (images.astype(np.float32), labels)
        return batch if self._weights is None else (*batch, self._weights[labels])


def shuffled(indices: NDArray[np.intp], *, seed: int, epoch: int) -> NDArray[np.intp]:
    """A new order for each epoch, the same again for the same seed: a resumed run sees what it would have seen."""
    return np.random.default_rng([seed, epoch]).permutation(indices)
