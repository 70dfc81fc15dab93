"""468 points on a face (Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ml.faces.assets import model_path
from ml.faces.crop import warp
from ml.faces.detect import Detection
from ml.geometry import Box, GeometryError, Points, Similarity
from ml.litert import LiteRTModel
from ml.pictures import Picture

INPUT_SIZE = 192
POINTS = 468
#: The region the network was trained on: the detector's box, squared, half as large again.
ROI_SCALE = 1.5
#: Outer corners of the eyes, the subject's right and left: they give the face's tilt.
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
#: A second look pays where the first was tilted or off: it halves the error there (docs/faces.md).
REFINE_DEGREES = 8.0
REFINE_SHIFT = 0.08


@dataclass(frozen=True, slots=True)
class Mesh:
    """The mesh of one face.

    Attributes:
        points: float64 [468, 3]: x and y in pixels of the photo; z in the same unit, smaller is nearer to the
            camera, zero about the middle of the head.
        logit: how sure the network is that it looked at a face, before it is squeezed into 0 to 1: a face that is
            seen as a whole has 36 in the median, and 18 still is a score of 0.99999998.
        region: photo → the 192×192 pixels that the network saw.
    """

    points: NDArray[np.float64]
    logit: float
    region: Similarity

    @property
    def score(self) -> float:
        """How sure the network is that it looked at a face, 0 to 1."""
        return float(1 / (1 + np.exp(-np.clip(self.logit, -80, 80))))


@cache
def _network() -> LiteRTModel:
    return LiteRTModel(model_path("facemesh"))


def fit_mesh(image: Picture, detection: Detection) -> Mesh:
    """Fit the mesh to a detected face, with a second look where the face is tilted.

    Args:
        image: RGB uint8 [H, W, 3].
        detection: a face found in that picture.

    Raises:
        GeometryError: the detection's eyes or box give no region to look at.
    """
    first = _region(detection.box, detection.points[0], detection.points[1])
    mesh = _look(image, first)
    if not np.isfinite(mesh.points).all():
        raise GeometryError("The mesh network gave numbers that are not finite.")
    eyes = mesh.points[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2]
    # The box of the upright face: the mesh seen in the first region's own frame, then carried back.
    upright = Box.from_points(first.apply(mesh.points[:, :2]))
    center = first.inverse().apply([upright.center])[0]
    side = upright.long_side / first.scale
    if side <= 0 or np.allclose(eyes[0], eyes[1]):
        return mesh
    second = _region(Box(center[0] - side / 2, center[1] - side / 2, side, side), eyes[0], eyes[1])
    shift = np.abs(first.apply(second.inverse().apply([[INPUT_SIZE / 2, INPUT_SIZE / 2]])) / INPUT_SIZE - 0.5)
    if abs(second.degrees) < REFINE_DEGREES and shift.max() < REFINE_SHIFT:
        return mesh
    refined = _look(image, second)
    # A second look that lost the face (at a border, under a hand) is worse than the first.
    better = refined.score >= min(mesh.score, 0.5) and np.isfinite(refined.points).all()
    return refined if better else mesh


def _region(box: Box, right_eye: Points, left_eye: Points) -> Similarity:
    """Photo → 192×192: the square around the box, turned so that the eyes are level."""
    side = box.long_side * ROI_SCALE
    across = left_eye - right_eye
    if side <= 0 or not np.isfinite(across).all():
        raise GeometryError("A face without a size or eyes gives no region for the mesh.")
    degrees = float(np.degrees(np.arctan2(across[1], across[0])))
    turn = Similarity.from_parts(scale=INPUT_SIZE / side, degrees=-degrees)
    # Box centres are on the edge scale, a picture's points on the scale of pixel centres.
    ((x, y),) = turn.apply([[box.center[0] - 0.5, box.center[1] - 0.5]])
    middle = (INPUT_SIZE - 1) / 2
    return Similarity(turn.a, turn.b, float(middle - x), float(middle - y))


def _look(image: Picture, region: Similarity) -> Mesh:
    return mesh_of(warp(image, region, INPUT_SIZE, oversample=1), region)


def mesh_of(crop: Picture, region: Similarity) -> Mesh:
    """Run the network once on what ``region`` shows: RGB uint8 [192, 192, 3]."""
    raw, logit = _network()((crop.astype(np.float32) / 255.0)[None])
    points = raw.reshape(POINTS, 3).astype(np.float64)
    back = region.inverse()
    xy = back.apply(points[:, :2] - 0.5)
    return Mesh(np.column_stack([xy, points[:, 2] * back.scale]), float(logit.ravel()[0]), region)
