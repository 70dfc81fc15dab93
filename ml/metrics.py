"""Measures of a classifier on pictures it never learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def classification_metrics(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], classes: Sequence[str]
) -> dict[str, Any]:
    """Accuracy, macro-F1, measures of each class, confusion matrix and calibration error, as JSON values.

    Args:
        probabilities: [N, C].
        labels: [N], index into ``classes``.
        classes: names, C of them.

    Returns:
        ``accuracy``; ``macro_f1`` over the classes that occur; ``per_class`` {name: precision, recall, f1,
        support}; ``confusion_matrix`` [true][predicted] in the order of ``classes``; ``calibration_error``
        (see :func:`calibration_error`); ``log_loss``; ``samples``.

    Raises:
        ValueError: no pictures, or shapes that do not fit.
    """
    # Imported here: serving measures nothing, and scikit-learn is large.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if len(labels) == 0 or probabilities.shape != (len(labels), len(classes)):
        raise ValueError(f"{list(probabilities.shape)} probabilities do not fit {len(labels)} labels.")
    predicted = probabilities.argmax(axis=1)
    every = np.arange(len(classes))
    rows = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    per_class = {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(classes, *rows, strict=True)
    }
    chosen = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1.0)
    return {
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(np.mean([row["f1"] for row in per_class.values() if row["support"]])),
        "per_class": per_class,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=every).tolist(),
        "calibration_error": calibration_error(probabilities, labels),
        "log_loss": float(-np.log(chosen).mean()),
        "samples": len(labels),
    }


def calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], *, bins: int = 15
) -> float:
    """Expected calibration error: by how much the stated certainty misses how often it is right, 0 to 1.

    Over equally wide bins of the highest probability, weighted by their size (Guo et al., ICML 2017).
    """
    certainty = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((certainty * bins).astype(int), bins - 1)
    error = 0.0
    for index in np.unique(which):
        inside = which == index
        error += inside.mean() * abs(float(right[inside].mean()) - float(certainty[inside].mean()))
    return float(error)
