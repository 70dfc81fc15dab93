"""Keypoints: positions in pixels; a point that was not labelled is no error, whatever the network says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.data.packed import DataError
from ml.landmarks import KEYPOINT_NAMES
from ml.metrics import keypoint_figures, keypoint_statistics, scaled_points
from ml.tasks.base import Array, Task

#: Of the wing loss (Feng et al., CVPR 2018), for inputs of 96 pixels.
_WING_WIDTH, _WING_CURVE = 5.0, 1.0


class KeypointTask(Task):
    """Errors are counted in pixels of a picture of 96×96, whatever the network's size."""

    losses = ("smooth_l1", "wing", "mse")
    figure = "validation_rmse"
    plateau = "validation_mae"

    def prepare(self) -> None:
        """Pictures without a single point teach nothing."""
        assert self.data.points is not None
        self.classes = KEYPOINT_NAMES
        self.points = self.data.points
        some = np.asarray(np.isfinite(self.points).any(axis=(1, 2)))
        for name in ("train", "validation"):
            indices = getattr(self, name)
            setattr(self, name, indices[some[indices]])
        if not some.any():
            raise DataError("No picture has a single keypoint: label some first.")

    @property
    def outputs(self) -> int:
        return len(KEYPOINT_NAMES)

    def columns(self, indices: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """``points``: float32 [n, 15, 2] in pixels of the network's input."""
        return {"points": scaled_points(self.points[indices], self.data.size, self.size)}

    def loss(self, prediction: Any, batch: dict[str, Any]) -> Any:
        """Mean over the points that are there."""
        wanted = batch["points"]
        there = ops.logical_not(ops.isnan(wanted))
        # NaN times zero is NaN, and so would be the gradient: they are replaced before anything is computed.
        away = ops.where(there, ops.cast(prediction, "float32") - ops.where(there, wanted, 0.0), 0.0)
        count = ops.maximum(ops.sum(ops.cast(there, "float32"), axis=(1, 2)), 1.0)
        side = batch["image"].shape[1]
        return ops.sum(self._of(away * (96.0 / side)), axis=(1, 2)) / count

    def _of(self, away: Any) -> Any:
        """The loss of differences in pixels at 96×96."""
        if self.loss_name == "mse":
            return ops.square(away / 96.0)  # as published: positions are shares of the side
        size = ops.abs(away)
        if self.loss_name == "wing":
            curve = _WING_WIDTH * ops.log(1 + size / _WING_CURVE)
            rest = _WING_WIDTH - _WING_WIDTH * math.log(1 + _WING_WIDTH / _WING_CURVE)
            return ops.where(size < _WING_WIDTH, curve, size - rest)
        return ops.where(size < 1.0, 0.5 * size * size, size - 0.5)

    def rows(self, predictions: Array, indices: NDArray[np.intp]) -> NDArray[np.float64]:
        """As ``ml.metrics.keypoint_statistics``, and the absolute differences of coordinates and their number."""
        found = scaled_points(predictions, self.size, 96)
        wanted = scaled_points(self.points[indices], self.data.size, 96)
        away = np.abs(found - wanted).astype(np.float64)
        absolute = [np.nansum(away, axis=(1, 2)), np.isfinite(away).sum(axis=(1, 2))]
        return np.column_stack([keypoint_statistics(found, wanted), *absolute])

    def figures(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """RMSE and mean absolute error in pixels at 96×96; NME unless no picture has both eyes."""
        sums = rows.sum(axis=0)
        values = {name: float(value[0]) for name, value in keypoint_figures(sums[None, :4]).items()}
        figures = {"validation_loss": values["rmse"], "validation_rmse": values["rmse"]}
        figures["validation_mae"] = float(sums[4] / sums[5])
        return figures | ({"validation_nme": values["nme"]} if math.isfinite(values["nme"]) else {})
