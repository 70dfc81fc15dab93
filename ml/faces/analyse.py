"""Everything that is known about the faces in a picture, in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.faces.covered import weight_of_eyes, weight_of_mouth
from ml.faces.crop import align, resized, warp
from ml.faces.detect import Detection, detect
from ml.faces.mesh import Mesh, fit_mesh
from ml.faces.phash import perceptual_hash
from ml.faces.pose import Pose, keypoint_visibility, pose_from_mesh
from ml.faces.quality import (
    MEASURING_SIZE,
    Exposure,
    Thresholds,
    exposure,
    face_flags,
    sharpness,
)
from ml.geometry import Box, GeometryError, Points, Similarity
from ml.landmarks import KEYPOINT_NAMES, keypoints_from_mesh
from ml.pictures import Halves, Picture

#: The side of the crop that ``AnalysedFace.transform`` leads to.
CROP_SIZE = 256
#: A group photo is no selfie: no more faces than this are looked at closely.
MAX_FACES = 8
#: Detections that neither network is sure of are patterns, not faces.
_SURE_DETECTION = 0.85


@dataclass(frozen=True)
class AnalysedFace:
    """One face and all that was measured on it.

    Attributes:
        box: from brow to chin, in pixels of the photo.
        score: the detector's certainty, 0 to 1.
        points6: float64 [6, 2], BlazeFace's: right eye, left eye, nose, mouth, right ear, left ear.
        mesh: float64 [468, 3] in pixels of the photo; to be used and forgotten, not stored.
        mesh_score: the mesh network's certainty, 0 to 1.
        keypoints: float64 [15, 2] in the order of ``ml.landmarks.KEYPOINT_NAMES``, in pixels of the photo.
        visibility: float64 [15], 1 where the point is in the picture and on the side turned to the camera.
        pose: yaw, pitch, roll in degrees.
        sharpness: see ``ml.faces.quality.sharpness``.
        exposure: the light on the face.
        flags: name → the measured value that raised it.
        transform: photo → aligned crop of 256 pixels; ``transform_for`` gives the other sizes.
    """

    box: Box
    score: float
    points6: Points
    mesh: NDArray[np.float64]
    mesh_score: float
    keypoints: Points
    visibility: NDArray[np.float64]
    pose: Pose
    sharpness: float
    exposure: Exposure
    flags: dict[str, float]
    transform: Similarity

    def transform_for(self, size: int) -> Similarity:
        """Photo → aligned crop of ``size`` pixels."""
        return resized(self.transform, CROP_SIZE, size)

    def crop(self, image: Picture, size: int = CROP_SIZE) -> Picture:
        """The aligned crop uint8 [size, size, 3] of the photo that was analysed."""
        return warp(image, self.transform_for(size), size)

    def named_keypoints(self) -> dict[str, list[float]]:
        """``{name: [x, y]}`` in pixels of the photo."""
        return {
            name: [float(x), float(y)]
            for name, (x, y) in zip(KEYPOINT_NAMES, self.keypoints.tolist(), strict=True)
        }


@dataclass(frozen=True)
class Analysis:
    """What was found in one picture.

    Attributes:
        width, height: of the picture, in pixels.
        faces: the subject (the largest central face) first.
        flags: ``no_face`` or ``several_faces``, and those of the subject; name → measured value.
        phash: of the whole picture, 16 hexadecimal digits.
    """

    width: int
    height: int
    faces: list[AnalysedFace]
    flags: dict[str, float] = field(default_factory=dict)
    phash: str = ""

    @property
    def subject(self) -> AnalysedFace | None:
        """The face that the picture is of; None where there is none."""
        return self.faces[0] if self.faces else None


class KeypointPlacer(Protocol):
    """What may place the keypoints in the mesh's stead: a trained model such as ``ml.predict.KeypointModel``."""

    @property
    def input_size(self) -> int:
        """The side of the crop it wants to see."""

    def predict(self, crops: Picture) -> NDArray[np.floating]:
        """Points [N, 15, 2] in pixels of aligned crops uint8 [N, S, S, 3], in the order of ``KEYPOINT_NAMES``."""


class FaceAnalyser:
    """Finds and measures faces. Safe to share between threads; the networks load at the first picture.

    Args:
        thresholds: when a measured value becomes a flag.
        keypoints: places the fifteen keypoints; without it they are means of mesh points.
    """

    def __init__(
        self, thresholds: Thresholds | None = None, *, keypoints: KeypointPlacer | None = None
    ) -> None:
        self.thresholds = thresholds or Thresholds()
        self._placer = keypoints

    def analyse(self, image: Picture) -> Analysis:
        """Look at one picture.

        Args:
            image: RGB uint8 [H, W, 3], upright, any size.

        Raises:
            ValueError: the array is not RGB uint8.
        """
        height, width = image.shape[:2]
        halves = Halves(image)
        detections = sorted(
            detect(image, halves=halves), key=lambda face: -_prominence(face.box, width, height)
        )
        faces = []
        for detection in detections[:MAX_FACES]:
            face = self._face(image, detection)
            if face is not None:
                faces.append(face)
        flags: dict[str, float] = {}
        if not faces:
            flags["no_face"] = 0.0
        else:
            similar = [face.box.area / faces[0].box.area for face in faces[1:]]
            if similar and max(similar) >= self.thresholds.similar_face:
                flags["several_faces"] = float(1 + sum(s >= self.thresholds.similar_face for s in similar))
            flags |= faces[0].flags
        return Analysis(width, height, faces, flags, perceptual_hash(image, halves=halves))

    def _face(self, image: Picture, detection: Detection) -> AnalysedFace | None:
        """Measure one detection; None where it is no face after all."""
        height, width = image.shape[:2]
        try:
            transform = align(detection.points, CROP_SIZE)
            mesh = fit_mesh(image, detection)
            pose = pose_from_mesh(mesh.points)
        except GeometryError:
            # Points in one place or without end: the network saw a face where no face can be.
            return None
        if mesh.score < self.thresholds.min_mesh_score and detection.score < _SURE_DETECTION:
            return None
        keypoints = self._keypoints(image, transform, mesh.points)
        x, y = mesh.points[:, 0], mesh.points[:, 1]
        outside = float(((x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)).mean())
        crop = warp(image, resized(transform, CROP_SIZE, MEASURING_SIZE), MEASURING_SIZE)
        sharp, light = sharpness(crop), exposure(crop)
        flags = face_flags(
            self.thresholds,
            face_pixels=detection.box.h,
            outside=outside,
            sharp=sharp,
            light=light,
            pose=pose,
            mesh_score=mesh.score,
            **self._weights(image, mesh),
        )
        return AnalysedFace(
            box=detection.box,
            score=detection.score,
            points6=detection.points,
            mesh=mesh.points,
            mesh_score=mesh.score,
            keypoints=keypoints,
            visibility=keypoint_visibility(keypoints, pose, width, height),
            pose=pose,
            sharpness=sharp,
            exposure=light,
            flags=flags,
            transform=transform,
        )

    def _weights(self, image: Picture, mesh: Mesh) -> dict[str, float]:
        if mesh.logit >= self.thresholds.whole_face:
            return {}
        return {"mouth": weight_of_mouth(image, mesh), "eyes": weight_of_eyes(image, mesh)}

    def _keypoints(self, image: Picture, transform: Similarity, mesh: NDArray[np.float64]) -> Points:
        if self._placer is None:
            return keypoints_from_mesh(mesh)
        size = self._placer.input_size
        to_crop = resized(transform, CROP_SIZE, size)
        (points,) = self._placer.predict(warp(image, to_crop, size)[None])
        return to_crop.inverse().apply(points)


def _prominence(box: Box, width: int, height: int) -> float:
    """Area, less the further from the middle: a face at the border counts half of one in the centre."""
    x, y = box.center
    away = math.hypot(x / width - 0.5, y / height - 0.5) / math.hypot(0.5, 0.5)
    return box.area * (1 - 0.5 * min(away, 1.0))
