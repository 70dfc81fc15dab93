"""The fifteen facial keypoints: names, order, mirroring, and how the face mesh gives them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.geometry import Points

#: Kaggle's names in Kaggle's order ("Facial Keypoints Detection", 2013). Left and right are the subject's
#: own: on an unmirrored photo the left eye has the larger x.
KEYPOINT_NAMES = (
    "left_eye_center",
    "right_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "right_eye_inner_corner",
    "right_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
    "right_eyebrow_inner_end",
    "right_eyebrow_outer_end",
    "nose_tip",
    "mouth_left_corner",
    "mouth_right_corner",
    "mouth_center_top_lip",
    "mouth_center_bottom_lip",
)


def _partner(name: str) -> str:
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


#: After mirroring, point i is the one that stood at FLIP_PERMUTATION[i] before.
FLIP_PERMUTATION = tuple(KEYPOINT_NAMES.index(_partner(name)) for name in KEYPOINT_NAMES)

# Where each keypoint lies on the 468-point mesh: means of a few neighbouring mesh points, the same weights
# for x and y and mirrored for left and right, so that the points follow every shift, turn and size of the
# face. Chosen by bench/keypoint_map.py as nearest to 1,452 hand-labelled crops of 242 people, NME 0.061 on
# people left out of the choice (one mesh point for one keypoint, by name: 0.084); all figures in
# docs/faces.md.
MESH_MAP: tuple[Mapping[int, float], ...] = (
    {386: 0.375, 374: 0.521, 442: 0.103},  # left_eye_center
    {159: 0.375, 145: 0.521, 222: 0.103},  # right_eye_center
    {398: 0.771, 258: 0.110, 453: 0.119},  # left_eye_inner_corner
    {466: 0.941, 257: 0.037, 388: 0.022},  # left_eye_outer_corner
    {173: 0.771, 28: 0.110, 233: 0.119},  # right_eye_inner_corner
    {246: 0.941, 27: 0.037, 161: 0.022},  # right_eye_outer_corner
    {336: 0.736, 296: 0.264},  # left_eyebrow_inner_end
    {300: 0.775, 298: 0.225},  # left_eyebrow_outer_end
    {107: 0.736, 66: 0.264},  # right_eyebrow_inner_end
    {70: 0.775, 68: 0.225},  # right_eyebrow_outer_end
    {1: 0.750, 5: 0.137, 4: 0.113},  # nose_tip
    {291: 0.794, 335: 0.166, 436: 0.039},  # mouth_left_corner
    {61: 0.794, 106: 0.166, 216: 0.039},  # mouth_right_corner
    {0: 0.772, 13: 0.228},  # mouth_center_top_lip
    {17: 0.879, 199: 0.084, 13: 0.037},  # mouth_center_bottom_lip
)


def flip_points(points: ArrayLike, width: float) -> Points:
    """Keypoints of the mirrored picture: x → width − 1 − x, and left and right change their names.

    Args:
        points: [..., 15, 2] in the order of :data:`KEYPOINT_NAMES`, in pixels; missing ones as NaN.
        width: of the picture, in pixels.
    """
    xy = np.array(points, dtype=np.float64)
    if xy.ndim < 2 or xy.shape[-2:] != (len(KEYPOINT_NAMES), 2):
        raise ValueError(f"Keypoints are an array [..., 15, 2], not {list(xy.shape)}.")
    xy[..., 0] = width - 1 - xy[..., 0]
    return xy[..., FLIP_PERMUTATION, :]


def _weights() -> NDArray[np.float64]:
    weights = np.zeros((len(KEYPOINT_NAMES), 468))
    for row, mixture in enumerate(MESH_MAP):
        for index, weight in mixture.items():
            weights[row, index] = weight
    # The printed table is rounded: a sum that is not 1 would pull the points towards the picture's corner.
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


_WEIGHTS = _weights()


def keypoints_from_mesh(mesh: ArrayLike) -> Points:
    """The 15 keypoints float64 [15, 2] from a mesh [468, 2 or 3], in the mesh's own pixels."""
    points = np.asarray(mesh, dtype=np.float64)
    if points.ndim != 2 or points.shape[0] != 468 or points.shape[1] not in (2, 3):
        raise ValueError(f"A mesh is an array [468, 2 or 3], not {list(points.shape)}.")
    return np.asarray(_WEIGHTS @ points[:, :2], dtype=np.float64)
