"""How the head is turned, from the face mesh."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.geometry import GeometryError

# The average face (1,564 photos, made symmetric) at the mesh points that no expression moves: forehead,
# bridge and foot of the nose, corners of the eyes, temples, ears. Unit: the distance of the outer eye
# corners; x to the right, y down, z away from the camera. It stands as the median photo does, so that pitch 0
# is how people look at a camera.
_RIGID = {
    10: (0.000, -0.498, -0.250),
    9: (0.000, -0.165, -0.321),
    151: (0.000, -0.333, -0.291),
    168: (0.000, 0.010, -0.304),
    6: (0.000, 0.097, -0.354),
    2: (0.000, 0.553, -0.366),
    33: (-0.500, 0.055, -0.060),
    263: (0.500, 0.055, -0.060),
    133: (-0.192, 0.072, -0.121),
    362: (0.192, 0.072, -0.121),
    127: (-0.777, 0.099, 0.486),
    356: (0.777, 0.099, 0.486),
    54: (-0.661, -0.309, 0.101),
    284: (0.661, -0.309, 0.101),
    234: (-0.768, 0.251, 0.536),
    454: (0.768, 0.251, 0.536),
}
_INDICES = list(_RIGID)
_TEMPLATE = np.array(list(_RIGID.values()))

# Which way the skin faces at each of the 15 keypoints, degrees to the subject's left, on that average face.
_AZIMUTHS = np.array([9, -9, 10, 28, -10, -28, 16, 43, -16, -43, 0, 34, -34, 0, 0], dtype=np.float64)
#: Skin turned further away from the camera than this is not seen any more.
_HIDDEN_DEGREES = 80.0


@dataclass(frozen=True, slots=True)
class Pose:
    """The head's turn in degrees.

    Attributes:
        yaw: positive when the nose points to the right of the picture (the subject's own left).
        pitch: positive when the face looks up.
        roll: positive clockwise on the screen.
    """

    yaw: float
    pitch: float
    roll: float

    def as_dict(self) -> dict[str, float]:
        """``{"yaw", "pitch", "roll"}``, as JSON carries it."""
        return asdict(self)


def pose_from_mesh(mesh: ArrayLike) -> Pose:
    """The rotation that best carries the average face onto the mesh (Kabsch, Acta Cryst. A32, 1976), as
    angles.

    Args:
        mesh: [468, 3] in pixels, z in the same unit and smaller towards the camera.

    Raises:
        GeometryError: not that shape, not finite, or all points in one place.
    """
    points = np.asarray(mesh, dtype=np.float64)
    if points.shape != (468, 3):
        raise GeometryError(f"A mesh is an array [468, 3], not {list(points.shape)}.")
    seen = points[_INDICES]
    if not np.isfinite(seen).all():
        raise GeometryError("A mesh with points that are not finite has no pose.")
    seen = seen - seen.mean(axis=0)
    if float((seen**2).sum()) < 1e-9:
        raise GeometryError("A mesh with all points in one place has no pose.")
    u, _, vt = np.linalg.svd((_TEMPLATE - _TEMPLATE.mean(axis=0)).T @ seen)
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (u @ handed @ vt).T  # = Rz(roll) · Ry(−yaw) · Rx(−pitch)
    return Pose(
        yaw=float(np.degrees(np.arcsin(np.clip(turn[2, 0], -1, 1)))),
        pitch=float(-np.degrees(np.arctan2(turn[2, 1], turn[2, 2]))),
        roll=float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))),
    )


def keypoint_visibility(keypoints: ArrayLike, pose: Pose, width: int, height: int) -> NDArray[np.float64]:
    """1 for a keypoint in the picture on the side turned to the camera, else 0: float64 [15].

    What a hand or hair covers is not known from the mesh and counts as visible.
    """
    xy = np.asarray(keypoints, dtype=np.float64)
    inside = (xy >= -0.5).all(axis=1) & (xy[:, 0] <= width - 0.5) & (xy[:, 1] <= height - 0.5)
    return (inside & (np.abs(_AZIMUTHS + pose.yaw) < _HIDDEN_DEGREES)).astype(np.float64)
