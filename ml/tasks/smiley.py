"""Smileys: the classes that enough people show, and cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.data.packed import DataError
from ml.tasks.base import Array, Task


class SmileyTask(Task):
    """Labels int32 [N] of every picture of the data set; −1 where its class is left out."""

    losses = ("crossentropy",)
    figure = "validation_accuracy"
    more_is_better = True

    def prepare(self) -> None:
        """Keep the classes with ``min_people`` people to learn from and one picture to validate on."""
        data, least = self.data, self.config.min_people
        kept: list[str] = []
        left_out: list[str] = []
        for index, name in enumerate(data.classes):
            people = np.unique(data.persons[self.train[data.labels[self.train] == index]])
            validated = bool((data.labels[self.validation] == index).any())
            (kept if len(people) >= least and validated else left_out).append(name)
        if len(kept) < 2:
            raise DataError(
                f"Only {len(kept)} of {len(data.classes)} classes have {least} people to learn from and one to "
                "validate on; two classes are needed: collect or accept more photos."
            )
        number = {name: i for i, name in enumerate(kept)}
        self.labels = np.array([number.get(name, -1) for name in data.classes], dtype=np.int32)[data.labels]
        self.train = self.train[self.labels[self.train] >= 0]
        self.validation = self.validation[self.labels[self.validation] >= 0]
        self.classes, self.left_out = tuple(kept), tuple(left_out)
        if left_out:
            self.notices.append(
                f"Left out, with fewer than {least} people to learn from or nobody to validate on: "
                f"{', '.join(left_out)}."
            )

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def columns(self, indices: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """``shares``: float32 [n, classes], all of it on the label less the smoothing."""
        smooth = self.config.label_smoothing
        shares = np.eye(len(self.classes), dtype=np.float32)[self.labels[indices]]
        return {"shares": shares * (1 - smooth) + np.float32(smooth / len(self.classes))}

    def weights(self, indices: NDArray[np.intp]) -> Array | None:
        """Rare classes weigh more, by the root of their rarity."""
        if not self.config.balance:
            return None
        count = np.bincount(self.labels[self.train], minlength=len(self.classes))
        of_class = np.sqrt(count.mean() / np.maximum(count, 1))
        return np.asarray(of_class[self.labels[indices]], dtype=np.float32)

    def loss(self, prediction: Any, batch: dict[str, Any]) -> Any:
        """Cross-entropy."""
        likely = ops.clip(ops.cast(prediction, "float32"), 1e-7, 1.0)
        return -ops.sum(batch["shares"] * ops.log(likely), axis=-1)

    def rows(self, predictions: Array, indices: NDArray[np.intp]) -> NDArray[np.float64]:
        """Cross-entropy, and whether it is right."""
        truth = self.labels[indices]
        likelihood = np.clip(predictions[np.arange(len(truth)), truth].astype(np.float64), 1e-7, 1)
        return np.stack([-np.log(likelihood), predictions.argmax(axis=1) == truth], axis=1)

    def figures(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Cross-entropy and accuracy."""
        loss, right = rows.mean(axis=0)
        return {"validation_loss": float(loss), "validation_accuracy": float(right)}
