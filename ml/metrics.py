"""Measures of a model on pictures it never learnt from.

Each task has a function that reduces pictures to *statistics*, a row of numbers a picture whose sums the figures are
computed from, and one that computes figures from such sums, many at once: see ``ml.intervals``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.landmarks import KEYPOINT_NAMES

Floats = NDArray[np.float64]


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
    rows = reliability(probabilities, labels, bins=bins)
    return float(sum(row["share"] * abs(row["right"] - row["certainty"]) for row in rows))


def reliability(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], *, bins: int = 15
) -> list[dict[str, float]]:
    """For each bin of certainty that occurs: mean ``certainty``, how often it is ``right``, its ``share`` of all."""
    certainty = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((certainty * bins).astype(int), bins - 1)
    return [
        {
            "certainty": float(certainty[which == index].mean()),
            "right": float(right[which == index].mean()),
            "share": float((which == index).mean()),
        }
        for index in np.unique(which)
    ]


def classification_statistics(
    probabilities: NDArray[np.float32], labels: NDArray[np.int32], classes: int
) -> Floats:
    """[N, C·C]: one in the cell (true, predicted) of the confusion matrix."""
    cells = np.zeros((len(labels), classes * classes))
    cells[np.arange(len(labels)), labels * classes + probabilities.argmax(axis=1)] = 1
    return cells


def classification_figures(sums: Floats) -> Mapping[str, Floats]:
    """Accuracy and macro-F1 (over the classes that occur) of flattened confusion matrices [B, C·C]."""
    side = round(sums.shape[1] ** 0.5)
    matrix = sums.reshape(-1, side, side)
    hits = np.diagonal(matrix, axis1=1, axis2=2)
    true, said = matrix.sum(axis=2), matrix.sum(axis=1)
    f1 = 2 * hits / np.maximum(true + said, 1e-9)
    occurs = true > 0
    return {
        "accuracy": hits.sum(axis=1) / np.maximum(matrix.sum(axis=(1, 2)), 1e-9),
        "macro_f1": (f1 * occurs).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1),
    }


def scaled_points(points: NDArray[Any], size: int, new_size: int) -> NDArray[np.float32]:
    """Points [..., 2] in pixels of a picture of one size, in those of the same picture of another.

    Pixels are counted from the middle of the first one.
    """
    scale = new_size / size
    return np.asarray((points + 0.5) * scale - 0.5, dtype=np.float32)


def point_errors(found: NDArray[Any], wanted: NDArray[Any]) -> Floats:
    """Distances [N, 15] in pixels between points [N, 15, 2]; NaN where ``wanted`` lacks the point."""
    return np.asarray(np.linalg.norm(found.astype(np.float64) - wanted, axis=2))


def eye_distances(wanted: NDArray[Any]) -> Floats:
    """Distances [N] of the two eye centres, of points [N, 15, 2]; NaN where one is missing."""
    return np.asarray(np.linalg.norm(wanted[:, 0].astype(np.float64) - wanted[:, 1], axis=1))


def keypoint_metrics(found: NDArray[Any], wanted: NDArray[Any]) -> dict[str, Any]:
    """RMSE and NME, overall and for each point, as JSON values. Points that are missing do not count.

    Args:
        found, wanted: [N, 15, 2] in pixels; NaN in ``wanted`` where a point is missing.

    Returns:
        ``rmse``: root of the mean squared coordinate difference, as Kaggle counts it, in pixels; ``nme``: mean distance
        over the distance of the eye centres (of the pictures that have both); ``per_point`` {name: rmse, nme,
        samples}; ``samples``. Figures that nothing was there for are None.

    Raises:
        ValueError: no pictures, or shapes that do not fit.
    """
    if len(found) == 0 or found.shape != wanted.shape:
        raise ValueError(f"{list(found.shape)} points do not fit {list(wanted.shape)}.")

    def figures(chosen: Any) -> dict[str, Any]:
        sums = keypoint_statistics(found, wanted, chosen).sum(axis=0, keepdims=True)
        values = {name: float(value[0]) for name, value in keypoint_figures(sums).items()}
        known = {name: value if np.isfinite(value) else None for name, value in values.items()}
        return {**known, "samples": int(sums[0, 1])}

    overall = figures(slice(None))
    return {
        "rmse": overall["rmse"],
        "nme": overall["nme"],
        "per_point": {name: figures([index]) for index, name in enumerate(KEYPOINT_NAMES)},
        "samples": len(found),
    }


def keypoint_statistics(found: NDArray[Any], wanted: NDArray[Any], chosen: Any = slice(None)) -> Floats:
    """[N, 4]: squared coordinate differences and their number, normalised errors and their number."""
    errors = point_errors(found, wanted)[:, chosen]
    distances = eye_distances(wanted)
    shares = errors / np.where(distances > 0, distances, np.nan)[:, None]
    columns = [np.nansum(errors**2 / 2, axis=1), np.isfinite(errors).sum(axis=1)]
    columns += [np.nansum(shares, axis=1), np.isfinite(shares).sum(axis=1)]
    return np.stack(columns, axis=1).astype(np.float64)


def keypoint_figures(sums: Floats) -> Mapping[str, Floats]:
    """RMSE and NME of sums [B, 4]; NaN where nothing was there."""
    squares, count, shares, known = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"rmse": np.sqrt(squares / count), "nme": shares / known}


PICTURE_FIGURES = ("ssim", "psnr", "l1", "masked_ssim", "masked_psnr", "masked_l1")


def picture_statistics(found: NDArray[Any], wanted: NDArray[Any], alpha: NDArray[Any]) -> Floats:
    """[N, 7]: the :data:`PICTURE_FIGURES` of each picture, and a one.

    SSIM (Wang et al., 2004: Gaussian of 11 pixels and deviation 1.5, mean over colours), PSNR in decibels (at most 60),
    L1 as a share of white; each over the whole picture and weighted by how much the mask changed a pixel.

    Args:
        found, wanted: [N, S, S, 3] in 0…255.
        alpha: [N, S, S] in 0…255.
    """
    rows = []
    for one, other, changed in zip(found, wanted, alpha, strict=True):
        first, second = one.astype(np.float64) / 255, other.astype(np.float64) / 255
        alike = _ssim(first, second).mean(axis=2)
        away = np.abs(first - second).mean(axis=2)
        squares = ((first - second) ** 2).mean(axis=2)
        row = []
        for weight in (np.ones_like(away), changed.astype(np.float64)):
            weight = weight / max(weight.sum(), 1e-9)
            noise = max(float((squares * weight).sum()), 1e-6)
            row += [(alike * weight).sum(), -10 * np.log10(noise), (away * weight).sum()]
        rows.append([*row, 1.0])
    return np.array(rows, dtype=np.float64).reshape(-1, len(PICTURE_FIGURES) + 1)


def picture_figures(sums: Floats) -> Mapping[str, Floats]:
    """Means of sums [B, 7]."""
    count = np.maximum(sums[:, -1], 1e-9)
    return {name: sums[:, index] / count for index, name in enumerate(PICTURE_FIGURES)}


def _ssim(first: Floats, second: Floats) -> Floats:
    """SSIM at every pixel [H, W, C] of pictures in 0…1, their borders mirrored."""

    def mean(x: Floats) -> Floats:
        blurred = cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, dtype=np.float64)

    mu1, mu2 = mean(first), mean(second)
    squares = mu1**2 + mu2**2
    spread = mean(first**2 + second**2) - squares
    common = mean(first * second) - mu1 * mu2
    return ((2 * mu1 * mu2 + 1e-4) * (2 * common + 9e-4)) / ((squares + 1e-4) * (spread + 9e-4))
