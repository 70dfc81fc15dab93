"""Shapes of faces, wherever they are and whichever way they look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation


def upright(meshes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Meshes [N, 468, 3] about one middle, of one size and turned in space as their mean is (generalised Procrustes
    analysis: Gower, Psychometrika 40, 1975)."""
    shapes = meshes - meshes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=(1, 2), keepdims=True)
    mean = shapes[0]
    for _ in range(5):
        turned = np.stack([Rotation.align_vectors(mean, shape)[0].apply(shape) for shape in shapes])
        mean = turned.mean(axis=0)
    return turned
