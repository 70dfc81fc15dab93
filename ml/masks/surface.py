"""The face as a smooth sheet: one 3-D place for every angle around the head and every height.

Masks are laid out on this sheet, not on the 468 points: a cloth does not follow nostrils and lips. The sheet of
one person is that of the average face, moved as a whole onto the mesh, plus the smoothed difference between the
two, so that it stays well-behaved under the chin and beside the ears, where the mesh has no points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

#: The axis of the cylinder around which angles are counted, behind the middle of the head. All lengths on the
#: average face are in distances of the outer eye corners (about 9 cm on an adult).
AXIS_Z = 0.55
#: The sheet's grid: angles in degrees to the subject's left (+x), heights downwards from the eyes' level.
ANGLES = np.linspace(-120.0, 120.0, 49, dtype=np.float32)
HEIGHTS = np.linspace(-0.7, 1.7, 41, dtype=np.float32)
#: Radians count less than heights when "near" is judged: the head is about this wide.
_ANGLE_WEIGHT = 0.8
#: How much of the individual's small relief is smoothed away.
_SMOOTHING = 0.02
# The face's oval from ear to ear along the jaw: below it the sheet turns inwards, under the chin.
_JAW = (323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93)
_BEHIND = np.linspace(-0.6, 0.9, 7)
_LIPS_INSIDE = (13, 14, 78, 308, 82, 87, 312, 317, 81, 178, 311, 402, 80, 88, 310, 318, 191, 95, 415, 324)


class DegenerateMeshError(ValueError):
    """The mesh is no face: wrong shape, numbers that are not finite, or all points in one place."""


@cache
def average_face() -> NDArray[np.float64]:
    """The average face float64 [468, 3]: x to the right of the picture, y down, z away from the camera.

    Mean of the meshes of 1,437 photos, each carried onto ``ml.faces.pose``'s rigid points, made symmetric.
    """
    points = np.loadtxt(Path(__file__).with_name("average_face.csv"), delimiter=",")
    points.setflags(write=False)
    return np.asarray(points, dtype=np.float64)


def _cylinder(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(angle in radians and height as near-ness counts them [N, 2], radius [N])."""
    x, y, z = points.T
    angle = np.arctan2(x, AXIS_Z - z)
    return np.column_stack([angle * _ANGLE_WEIGHT, y]), np.hypot(x, AXIS_Z - z)


def _queries() -> NDArray[np.float64]:
    angle, height = np.meshgrid(np.radians(ANGLES) * _ANGLE_WEIGHT, HEIGHTS)
    return np.column_stack([angle.ravel(), height.ravel()]).astype(np.float64)


@cache
def _radius() -> Array:
    """The average face's radius over the sheet's grid [heights, angles]."""
    from scipy.interpolate import RBFInterpolator

    points = np.delete(average_face(), _LIPS_INSIDE, axis=0)
    places, radii = _cylinder(points)
    jaw, jaw_radii = _cylinder(average_face()[list(_JAW)])
    # Under the jaw, where the mesh ends: two steps down and inwards.
    places = np.vstack([places, jaw + np.array([0, 0.1]), jaw + np.array([0, 0.25])])
    radii = np.concatenate([radii, jaw_radii - 0.10, jaw_radii - 0.30])
    # And behind the ears, where straps run on.
    for angle, radius in ((100, 0.80), (112, 0.83), (124, 0.85)):
        behind = np.array(
            [[side * np.radians(angle) * _ANGLE_WEIGHT, h] for side in (1, -1) for h in _BEHIND]
        )
        places = np.vstack([places, behind])
        radii = np.concatenate([radii, np.full(len(behind), radius)])
    fit = RBFInterpolator(places, radii, kernel="thin_plate_spline", smoothing=0.004)
    radius = np.maximum(fit(_queries()), 0.25).reshape(len(HEIGHTS), len(ANGLES))
    return np.asarray(radius, dtype=np.float32)


@cache
def _difference_weights() -> Array:
    """From what each mesh point differs to how the sheet differs, at every second place: [21 · 25, 468]."""
    from scipy.interpolate import RBFInterpolator

    places, _ = _cylinder(average_face())
    fit = RBFInterpolator(places, np.eye(468), kernel="linear", degree=0, smoothing=_SMOOTHING)
    places = _queries().reshape(len(HEIGHTS), len(ANGLES), 2)[::2, ::2].reshape(-1, 2)
    return np.ascontiguousarray(fit(places), dtype=np.float32)


def directions(angles: ArrayLike) -> Array:
    """Unit vectors [..., 3] from the axis outwards, horizontally, at ``angles`` in degrees."""
    radians = np.radians(np.asarray(angles, dtype=np.float32))
    return np.stack([np.sin(radians), np.zeros_like(radians), -np.cos(radians)], axis=-1).astype(np.float32)


def cross(a: Array, b: Array) -> Array:
    """Cross products of vectors [..., 3]."""
    # Several times as fast as numpy.cross on arrays of this size.
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def unit(vectors: Array) -> Array:
    """Vectors [..., 3] brought to length 1."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, 1e-6), dtype=np.float32)


@cache
def _average_sheet() -> Array:
    sheet = directions(np.broadcast_to(ANGLES, (len(HEIGHTS), len(ANGLES)))) * _radius()[..., None]
    sheet[..., 1] = HEIGHTS[:, None]
    sheet[..., 2] += AXIS_Z
    return np.asarray(sheet, dtype=np.float32)


@cache
def tent() -> Array:
    """How far a cloth stretched over nose, chin and cheeks stands off the average face [heights, angles].

    The convex hull of the face below the eyes, seen from the axis. Near the top of the sheet it is zero.
    """
    from scipy.spatial import ConvexHull

    sheet, radius = _average_sheet(), _radius()
    below = (HEIGHTS[:, None] > 0.10) & (HEIGHTS[:, None] < 1.34) & (np.abs(ANGLES) < 72)[None, :]
    planes = ConvexHull(sheet[below].astype(np.float64)).equations
    origin = np.zeros((len(HEIGHTS), 3))
    origin[:, 1], origin[:, 2] = HEIGHTS, AXIS_Z
    along = directions(ANGLES).astype(np.float64) @ planes[:, :3].T
    room = -(origin @ planes[:, :3].T + planes[:, 3])
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(along[None] > 1e-6, room[:, None, :] / along[None], np.inf).min(axis=-1)
    stand = np.where(below, np.clip(reach - radius, 0, 0.5), 0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(stand, (0, 0), 0.9), dtype=np.float32)


@dataclass(frozen=True)
class FaceSheet:
    """The sheet of one face.

    Attributes:
        points: float32 [heights, angles, 3] in pixels of the picture (z likewise, smaller is nearer).
        turn: float32 [3, 3], from the average face's axes to the picture's, scale included.
        scale: pixels for one distance of the outer eye corners.
    """

    points: Array
    turn: Array
    scale: float

    def at(self, angles: ArrayLike, heights: ArrayLike, stand: ArrayLike = 0.0) -> Array:
        """Places float32 [..., 3] on the sheet, lifted ``stand`` (in eye distances) away from the axis."""
        angle, height = np.broadcast_arrays(
            np.asarray(angles, dtype=np.float32), np.asarray(heights, dtype=np.float32)
        )
        placed = sample(self.points, angle, height)
        lift = directions(angle) * np.asarray(stand, dtype=np.float32)[..., None]
        return np.asarray(placed + lift @ self.turn.T, dtype=np.float32)

    def carried(self, points: Array) -> Array:
        """Places [N, 3] of the average face, in its eye distances, put where they are beside this face.

        Held by the sheet at the same angles and heights, so that they follow the individual.
        """
        angles = np.degrees(np.arctan2(points[:, 0], AXIS_Z - points[:, 2])).astype(np.float32)
        angles, heights = np.clip(angles, -89, 89), np.ascontiguousarray(points[:, 1])
        foot, average = self.at(angles, heights), sample(_average_sheet(), angles, heights)
        return np.asarray(foot + (points - average) @ self.turn.T, dtype=np.float32)


def sample(values: Array, angles: Array, heights: Array) -> Array:
    """Read a map over the sheet's grid at any angles (degrees) and heights [...], smoothly."""
    columns = (angles - ANGLES[0]) * ((len(ANGLES) - 1) / (ANGLES[-1] - ANGLES[0]))
    rows = (heights - HEIGHTS[0]) * ((len(HEIGHTS) - 1) / (HEIGHTS[-1] - HEIGHTS[0]))
    shape = angles.shape
    flat = (-1, shape[-1]) if angles.ndim > 1 else (1, -1)
    read = cv2.remap(
        values,
        np.ascontiguousarray(columns.reshape(flat)),
        np.ascontiguousarray(rows.reshape(flat)),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(read.reshape(*shape, *values.shape[2:]), dtype=np.float32)


@cache
def _halves() -> tuple[Array, Array]:
    """Where the sheet's grid lies on the grid of every second place."""
    column, row = np.meshgrid(np.arange(len(ANGLES)) / 2, np.arange(len(HEIGHTS)) / 2)
    return column.astype(np.float32), row.astype(np.float32)


def face_sheet(mesh: ArrayLike) -> FaceSheet:
    """Fit the sheet to a mesh [468, 3] in pixels.

    Raises:
        DegenerateMeshError: see there.
    """
    points = np.asarray(mesh, dtype=np.float64)
    if points.shape != (468, 3):
        raise DegenerateMeshError(f"A mesh is an array [468, 3], not {list(points.shape)}.")
    if not np.isfinite(points).all() or float(np.abs(points).max()) > 1e7:
        raise DegenerateMeshError("A mesh with points that are not finite is no face.")
    average = average_face()
    middle, seen_middle = average.mean(axis=0), points.mean(axis=0)
    p, q = average - middle, points - seen_middle
    if min(np.linalg.eigvalsh(q[:, :2].T @ q[:, :2] / 468)) < 1.0:
        raise DegenerateMeshError("A mesh that spans no area of at least a few pixels is no face.")
    # Kabsch with scale (Umeyama, IEEE TPAMI 13(4), 1991).
    u, s, vt = np.linalg.svd(p.T @ q)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((s * signs).sum() / (p**2).sum())
    if not scale > 0.5:
        raise DegenerateMeshError("A mesh that is turned inside out or nearly flat is no face.")
    turn = ((u * signs) @ vt).T * scale
    moved = p @ turn.T + seen_middle
    coarse = (_difference_weights() @ (points - moved).astype(np.float32)).reshape(21, 25, 3)
    difference = cv2.remap(coarse, *_halves(), cv2.INTER_LINEAR)
    sheet = (_average_sheet() - middle.astype(np.float32)) @ turn.T.astype(np.float32)
    sheet += seen_middle.astype(np.float32) + difference
    return FaceSheet(np.ascontiguousarray(sheet, dtype=np.float32), turn.astype(np.float32), scale)
