"""Whether something covers the mouth or the eyes, as far as the mesh network tells.

The network is less sure of a face that it does not see as a whole. Where the covered part is, it does not say; but a
part that it does not see cannot make it surer either. So the part is painted over with skin: of a free mouth the
network then misses much, of one under a hand or a mask nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.faces.crop import warp
from ml.faces.mesh import INPUT_SIZE, Mesh, mesh_of
from ml.pictures import Picture

# Mesh points around the lips, and around each eye with its brow; and bare skin: both cheeks and the nose's bridge.
_LIPS = (61, 291, 0, 17, 37, 267, 84, 314, 40, 270, 91, 321)
_RIGHT_EYE = (33, 133, 159, 145, 70, 105, 55)
_LEFT_EYE = (263, 362, 386, 374, 300, 334, 285)
_SKIN = (50, 280, 6, 168)
#: How much around the points is painted over, too.
_AROUND_LIPS, _AROUND_EYES = 1.5, 1.35


def weight_of_mouth(image: Picture, mesh: Mesh) -> float:
    """How much of the mesh network's certainty, in logits, rests on the mouth; some 11 where it is free.

    Args:
        image: RGB uint8 [H, W, 3].
        mesh: as ``fit_mesh`` gave it for that picture.
    """
    return _weight(image, mesh, [_LIPS], _AROUND_LIPS)


def weight_of_eyes(image: Picture, mesh: Mesh) -> float:
    """The same of both eyes with their brows; some 18 where they are free."""
    return _weight(image, mesh, [_RIGHT_EYE, _LEFT_EYE], _AROUND_EYES)


def _weight(image: Picture, mesh: Mesh, parts: Sequence[Sequence[int]], around: float) -> float:
    crop = warp(image, mesh.region, INPUT_SIZE, oversample=1)
    points = mesh.region.apply(mesh.points[:, :2])
    x, y = np.clip(np.rint(points[list(_SKIN)]).astype(int), 0, INPUT_SIZE - 1).T
    skin = np.median(crop[y, x], axis=0)
    opacity = _over([points[list(part)] for part in parts], around)[..., None]
    painted = (crop * (1 - opacity) + skin * opacity).astype(np.uint8)
    return mesh.logit - mesh_of(painted, mesh.region).logit


def _over(parts: Sequence[NDArray[np.float64]], around: float) -> NDArray[np.float32]:
    """Opacity [192, 192] over the hulls of some points, with soft edges: a hard one would be something to see."""
    mask = np.zeros((INPUT_SIZE, INPUT_SIZE), np.uint8)
    for part in parts:
        middle = part.mean(axis=0)
        wide = np.rint(middle + (part - middle) * around).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(wide), 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 2) / np.float32(255), dtype=np.float32)
