"""Mask removal: the bare face from the masked one."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.data.packed import DataError
from ml.losses import ssim_map
from ml.pictures import Picture, resize_squares
from ml.tasks.base import Array, Task

#: How much finding the mask counts beside filling it.
_ALPHA_WEIGHT = 0.2


class UnmaskTask(Task):
    """Losses compare whole pictures as shares of white. ``inside`` is ours: it asks for the masked part alone.

    A network with a fourth channel says there where the mask is, and learns that, too.
    """

    losses = ("ssim_l1", "mse", "mae", "ssim", "inside")
    figure = "validation_loss"

    def prepare(self) -> None:
        """Pairs are there or the data set would not be."""
        if self.data.masked is None or self.data.alpha is None:
            raise DataError("Mask removal needs pairs: put masks on the faces first.")

    @property
    def outputs(self) -> int:
        return 3

    def pictures(self, indices: NDArray[np.intp]) -> Picture:
        """The masked faces."""
        assert self.data.masked is not None
        return resize_squares(np.asarray(self.data.masked[indices]), self.size, self.channels)

    def columns(self, indices: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """``target`` float32 [n, S, S, 3] in 0…255, ``alpha`` float32 [n, S, S, 1] in 0…1."""
        assert self.data.alpha is not None
        bare = resize_squares(np.asarray(self.data.images[indices]), self.size, 3)
        alpha = resize_squares(np.asarray(self.data.alpha[indices]), self.size, 1)
        return {"target": bare.astype(np.float32), "alpha": alpha.astype(np.float32) / 255}

    def loss(self, prediction: Any, batch: dict[str, Any]) -> Any:
        """By the name in the config."""
        prediction = ops.cast(prediction, "float32") / 255.0
        found, wanted, alpha = prediction[..., :3], batch["target"] / 255.0, batch["alpha"]
        axes = (1, 2, 3)
        match self.loss_name:
            case "mse":
                loss = ops.mean(ops.square(found - wanted), axis=axes)
            case "mae":
                loss = ops.mean(ops.abs(found - wanted), axis=axes)
            case "ssim":
                loss = 1.0 - ops.mean(ssim_map(found, wanted), axis=axes)
            case "inside":
                share = alpha / ops.maximum(ops.mean(alpha, axis=axes, keepdims=True), 1e-3)
                alike = ssim_map(found, wanted)
                edge = (self.size - alike.shape[1]) // 2
                loss = ops.mean(ops.abs(found - wanted) * share, axis=axes)
                loss = loss + 0.5 * ops.mean((1.0 - alike) * share[:, edge:-edge, edge:-edge], axis=axes)
            case _:
                loss = 1.0 - ops.mean(ssim_map(found, wanted), axis=axes)
                loss = loss + ops.mean(ops.abs(found - wanted), axis=axes)
        if prediction.shape[-1] == 4:
            there = ops.clip(prediction[..., 3:], 1e-5, 1.0 - 1e-5)
            entropy = -(alpha * ops.log(there) + (1.0 - alpha) * ops.log(1.0 - there))
            loss = loss + _ALPHA_WEIGHT * ops.mean(entropy, axis=axes)
        return loss

    def rows(self, predictions: Array, indices: NDArray[np.intp]) -> NDArray[np.float64]:
        """L1 inside the mask and over the picture, as shares of white."""
        columns = self.columns(indices)
        away = np.abs(predictions[..., :3] - columns["target"]).mean(axis=3, keepdims=True) / 255
        weight = columns["alpha"].sum(axis=(1, 2, 3))
        masked = (away * columns["alpha"]).sum(axis=(1, 2, 3)) / np.maximum(weight, 1e-3)
        return np.stack([masked, away.mean(axis=(1, 2, 3))], axis=1).astype(np.float64)

    def figures(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """L1 inside the mask above all: outside it, copying the input is already perfect."""
        masked, away = (float(value) for value in rows.mean(axis=0))
        return {"validation_loss": masked, "validation_masked_l1": masked, "validation_l1": away}
