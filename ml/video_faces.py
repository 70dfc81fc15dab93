"""Faces found and followed from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.faces.detect import MIN_SCORE_SECOND_PASS, Detection, detect
from ml.faces.mesh import Mesh, fit_mesh
from ml.faces.quality import Thresholds
from ml.geometry import Box, GeometryError
from ml.pictures import Picture
from ml.tracks import FaceTrack, FaceTracker, SceneCuts
from ml.video import Frame, slot_of

#: Faces are followed at so many frames a second at least: then they move little in between.
FOLLOWING_RATE = 12.0
#: The whole picture is searched for small faces so often a second; between, around those that are known.
_SEARCH_RATE = 2.0
#: Squares of these shares of the frame's short side are searched, half overlapping, but never more than so many.
_TILES = (1.0, 0.5)
_MAX_TILES = 48
#: A face is looked at again from near, in a square this many box sides wide: from afar its box is a guess.
_AROUND = 3.5
#: Boxes are of one face when they share this much of the smaller one.
_SAME_FACE = 0.5
_SAME_PLACE = 0.4
#: A detection surer than this is a face even where the mesh is not (as ``ml.faces.analyse`` has it).
_SURE = 0.85


@dataclass(frozen=True)
class FollowedFace:
    """A face of a frame.

    Attributes:
        track: which face of the video it is.
        detection: box, score and six points, in pixels of the frame.
        mesh: to be used and forgotten.
    """

    track: FaceTrack
    detection: Detection
    mesh: Mesh

    @property
    def box(self) -> Box:
        """Around the face, in pixels of the frame."""
        return self.detection.box


class FaceFollower:
    """Finds the faces of successive frames and gives each its track. Memory: the tracks alive."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.tracker = FaceTracker()
        self._min_mesh = (thresholds or Thresholds()).min_mesh_score
        self._cuts = SceneCuts()
        self._searched = -1

    def look(self, frame: Frame) -> list[FollowedFace]:
        """The faces of the next frame of one video, surest first."""
        search = slot_of(frame.seconds, _SEARCH_RATE)
        thorough = search != self._searched
        self._searched = search
        if self._cuts.is_cut(frame.image):
            self.tracker.cut()
            thorough = True
        found = []
        for face in _from_near(frame.image, self._from_afar(frame, thorough=thorough)):
            try:
                mesh = fit_mesh(frame.image, face)
            except GeometryError:
                continue
            if mesh.score >= self._min_mesh or face.score >= _SURE:
                found.append((face, mesh))
        tracks = self.tracker.update([face.box for face, _ in found], frame.seconds)
        return [FollowedFace(track, *face) for track, face in zip(tracks, found, strict=True)]

    def _from_afar(self, frame: Frame, *, thorough: bool) -> list[Detection]:
        """All that may be a face, some of it twice: from the whole frame, its parts, and where faces were."""
        found = detect(frame.image, second_pass=thorough)
        if thorough and found:
            # With one face found, detect() does not look for smaller ones, who may stand beside it.
            found += [face for part in _parts(frame.image) for face in detect_in(frame.image, part)]
        for track in self.tracker.tracks:
            expected = track.expected(frame.seconds)
            # By size, too: a pattern seen around a face must not stand for it.
            if not any(face.box.iou(expected) > _SAME_PLACE for face in found):
                found += detect_in(frame.image, _around(expected))
        return found


def _from_near(image: Picture, found: list[Detection]) -> list[Detection]:
    """Each face once, as it looks from near; surest first."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if any(is_same(face.box, other.box) for other in kept):
            continue
        near = [closer for closer in detect_in(image, _around(face.box)) if is_same(closer.box, face.box)]
        best = max(near, key=lambda closer: closer.score, default=face)
        if not any(is_same(best.box, other.box) for other in kept):
            kept.append(best)
    return sorted(kept, key=lambda face: -face.score)


def detect_in(image: Picture, region: Box) -> list[Detection]:
    """The faces in a part of the frame that are sure, in pixels of the frame."""
    region = region.clip(image.shape[1], image.shape[0])
    left, top = int(region.x), int(region.y)
    part = image[top : int(np.ceil(region.bottom)), left : int(np.ceil(region.right))]
    if min(part.shape[:2]) < 16:
        return []
    return [
        Detection(
            Box(face.box.x + left, face.box.y + top, face.box.w, face.box.h),
            face.score,
            face.points + np.array([left, top]),
        )
        for face in detect(part, min_score=MIN_SCORE_SECOND_PASS, second_pass=False)
    ]


def _around(box: Box) -> Box:
    """A square about a face, wide enough for what moved since."""
    (x, y), side = box.center, _AROUND * box.long_side
    return Box(x - side / 2, y - side / 2, side, side)


def _parts(image: Picture) -> Iterator[Box]:
    """Overlapping squares in which small faces are large enough to be seen."""
    height, width = image.shape[:2]
    for share in _TILES:
        side = share * min(height, width)
        columns, rows = (int(np.ceil(2 * length / side - 1e-6)) - 1 for length in (width, height))
        if side < min(height, width, 64) or columns * rows > _MAX_TILES or columns * rows == 1:
            continue
        for y in np.linspace(0, height - side, rows):
            for x in np.linspace(0, width - side, columns):
                yield Box(float(x), float(y), side, side)


def is_same(one: Box, other: Box) -> bool:
    """Whether two boxes are of one face, be it that one of them is far too large."""
    smaller = min(one.area, other.area)
    return smaller > 0 and one.intersection(other) / smaller > _SAME_FACE
