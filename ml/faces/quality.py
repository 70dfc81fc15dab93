"""How usable a picture of a face is: measures, and the flags drawn from them by thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.faces.crop import EYE_DISTANCE, EYES_Y
from ml.faces.pose import Pose
from ml.pictures import Picture

#: Sharpness and light are measured on an aligned crop of this side (eyes 38 pixels apart), so that they mean
#: the same in every photo: fine detail that the crop cannot show is no merit, and a tiny face blown up counts
#: as blurred.
MEASURING_SIZE = 128


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a measured value becomes a flag. How the defaults were chosen: docs/faces.md.

    Attributes:
        min_face_pixels: ``too_small`` under this height of the face box, in pixels of the photo.
        min_sharpness: ``blurred`` under this sharpness.
        min_brightness: ``dark`` under this mean luma of the face, 0 to 255.
        max_brightness: ``bright`` over this mean luma.
        max_clipped: ``clipped`` over this share of the face that is pure white or pure black.
        min_contrast: ``flat`` under this standard deviation of the face's luma.
        max_yaw: ``turned`` over this many degrees to a side.
        max_pitch: ``nodding`` over this many degrees up or down.
        max_roll: ``tilted`` over this many degrees.
        max_outside: ``cut_by_border`` over this share of the mesh outside the picture.
        similar_face: ``several_faces`` when another face has at least this share of the subject's area.
        min_mesh_score: ``uncertain`` where the mesh network is less sure that this is a face.
        whole_face: where the mesh network is surer (its logit), nothing covers the face, and nothing is looked for.
        min_part_weight: ``mouth_covered`` and ``eyes_covered`` where less of its certainty rests on them.
        max_copy_difference: photos with near perceptual hashes are near-duplicates up to this
            ``ml.looks.picture_difference``.
    """

    min_face_pixels: float = 80.0
    min_sharpness: float = 0.09
    min_brightness: float = 55.0
    max_brightness: float = 215.0
    max_clipped: float = 0.15
    min_contrast: float = 12.0
    max_yaw: float = 35.0
    max_pitch: float = 30.0
    max_roll: float = 35.0
    max_outside: float = 0.06
    similar_face: float = 0.35
    min_mesh_score: float = 0.5
    whole_face: float = 20.0
    min_part_weight: float = 3.0
    max_copy_difference: float = 14.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """The light on the face.

    Attributes:
        brightness: mean luma, 0 to 255.
        contrast: standard deviation of the luma.
        clipped_dark: share of the face at luma ≤ 5.
        clipped_bright: share of the face at luma ≥ 250.
    """

    brightness: float
    contrast: float
    clipped_dark: float
    clipped_bright: float

    def as_dict(self) -> dict[str, float]:
        """The four measures by name, as JSON carries them."""
        return {
            "brightness": self.brightness,
            "contrast": self.contrast,
            "clipped_dark": self.clipped_dark,
            "clipped_bright": self.clipped_bright,
        }


@cache
def _face_mask() -> NDArray[np.bool_]:
    """The ellipse from brow to chin in the measuring crop [128, 128]: skin, eyes and mouth, no background."""
    y, x = np.mgrid[:MEASURING_SIZE, :MEASURING_SIZE] / MEASURING_SIZE
    middle = EYES_Y + 0.7 * EYE_DISTANCE
    mask: NDArray[np.bool_] = ((x - 0.5) / (1.0 * EYE_DISTANCE)) ** 2 + (
        (y - middle) / (1.25 * EYE_DISTANCE)
    ) ** 2 < 1
    mask.setflags(write=False)
    return mask


def _luma(crop: Picture) -> NDArray[np.float32]:
    if crop.shape[:2] != (MEASURING_SIZE, MEASURING_SIZE):
        raise ValueError(f"Measures are taken on a crop of {MEASURING_SIZE} pixels, not {list(crop.shape)}.")
    grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, dtype=np.float32)


def sharpness(crop: Picture) -> float:
    """How much fine detail the face has, relative to its contrast; independent of brightness.

    The root of the ratio between the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) and that of
    the luma, over the face alone. Smoothing by one pixel first keeps a sensor's noise from passing for
    detail.

    Args:
        crop: aligned, uint8 [128, 128, 3] RGB or [128, 128].
    """
    grey = cv2.GaussianBlur(_luma(crop), (0, 0), 0.8)
    detail = cv2.Laplacian(grey, cv2.CV_32F)[_face_mask()]
    return float(np.sqrt(detail.var() / (grey[_face_mask()].var() + 25.0)))


def exposure(crop: Picture) -> Exposure:
    """The light on the face, over the same ellipse. ``crop`` as for :func:`sharpness`."""
    face = _luma(crop)[_face_mask()]
    return Exposure(
        brightness=float(face.mean()),
        contrast=float(face.std()),
        clipped_dark=float((face <= 5).mean()),
        clipped_bright=float((face >= 250).mean()),
    )


def face_flags(
    thresholds: Thresholds,
    *,
    face_pixels: float,
    outside: float,
    sharp: float,
    light: Exposure,
    pose: Pose | None,
    mesh_score: float,
    mouth: float = math.inf,
    eyes: float = math.inf,
) -> dict[str, float]:
    """The flags of one face: name → the measured value that raised it.

    Args:
        thresholds: when a value becomes a flag.
        face_pixels: height of the face's box in pixels of the photo.
        outside: share of the mesh outside the picture, 0 to 1.
        sharp: from :func:`sharpness`.
        light: from :func:`exposure`.
        pose: None where no mesh could be fitted.
        mesh_score: the mesh network's certainty, 0 to 1.
        mouth, eyes: their weights, from ``ml.faces.covered``, where something may cover them.
    """
    clipped = light.clipped_dark + light.clipped_bright
    found = [
        ("too_small", face_pixels, face_pixels < thresholds.min_face_pixels),
        ("cut_by_border", outside, outside > thresholds.max_outside),
        ("blurred", sharp, sharp < thresholds.min_sharpness),
        ("dark", light.brightness, light.brightness < thresholds.min_brightness),
        ("bright", light.brightness, light.brightness > thresholds.max_brightness),
        ("clipped", clipped, clipped > thresholds.max_clipped),
        ("flat", light.contrast, light.contrast < thresholds.min_contrast),
        ("uncertain", mesh_score, mesh_score < thresholds.min_mesh_score),
        ("mouth_covered", mouth, mouth < thresholds.min_part_weight),
        ("eyes_covered", eyes, eyes < thresholds.min_part_weight),
    ]
    if pose is not None:
        found += [
            ("turned", pose.yaw, abs(pose.yaw) > thresholds.max_yaw),
            ("nodding", pose.pitch, abs(pose.pitch) > thresholds.max_pitch),
            ("tilted", pose.roll, abs(pose.roll) > thresholds.max_roll),
        ]
    return {name: value for name, value, raised in found if raised}
