"""Answers that need no learning: what every network has to beat."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.data.packed import PackedData
from ml.data.splits import TRAIN
from ml.pictures import Picture

#: Radius of the inpainting, in pixels.
_REACH = 3


def majority(data: PackedData, classes: tuple[str, ...], count: int) -> NDArray[np.float32]:
    """Certain of the class that most training pictures show, [count, classes]."""
    number = {name: i for i, name in enumerate(classes)}
    learnt = [number[name] for i in data.labels[data.indices(TRAIN)] if (name := data.classes[i]) in number]
    answer = np.zeros((count, len(classes)), np.float32)
    answer[:, np.bincount(learnt, minlength=len(classes)).argmax() if learnt else 0] = 1
    return answer


def mean_face(data: PackedData, count: int) -> NDArray[np.float64] | None:
    """The mean position of each keypoint over the training people, [count, 15, 2] in pixels of the data's pictures.

    None where a point is on nobody of theirs, as in a set of test people alone.
    """
    points = data.points[data.indices(TRAIN)] if data.points is not None else np.empty((0, 15, 2))
    if not np.isfinite(points).any(axis=(0, 2)).all():
        return None
    return np.repeat(np.nanmean(points.astype(np.float64), axis=0)[None], count, axis=0)


def telea(masked: Picture, alpha: NDArray[np.uint8]) -> Picture:
    """The masked part filled in from its edge (Telea, Journal of Graphics Tools 2004), by OpenCV. It is told the mask.

    Args:
        masked: uint8 [N, S, S, 3].
        alpha: uint8 [N, S, S].
    """
    filled = [
        cv2.inpaint(np.ascontiguousarray(picture), (changed > 0).astype(np.uint8), _REACH, cv2.INPAINT_TELEA)
        for picture, changed in zip(masked, alpha, strict=True)
    ]
    return np.asarray(filled, dtype=np.uint8).reshape(masked.shape)
