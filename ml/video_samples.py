"""The few frames of each face in a video that are worth keeping."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.faces.crop import align, warp
from ml.faces.quality import MEASURING_SIZE, Thresholds, sharpness
from ml.geometry import Box, GeometryError
from ml.looks import Look
from ml.pictures import Picture
from ml.tracks import FaceTrack
from ml.video import Frame, VideoReader, slot_of
from ml.video_faces import FaceFollower, FollowedFace, detect_in, is_same

#: So many kept looks of a track are remembered, to be compared with; an hour's film would have thousands.
_REMEMBERED = 200

#: How much around a face is kept where others are in the frame, and how little it may be, in box sides.
_GENEROUS = 2.4
_LEAST = 1.4
#: Of another face nothing may be seen: its box, and the hair around it.
_OTHERS = 1.25


@dataclass(frozen=True)
class FaceSample:
    """A picture of one person of a video, with nobody else in it.

    Attributes:
        track: who; ``track.number`` is set.
        frame: number of the frame.
        seconds: its time.
        image: RGB uint8 [h, w, 3]: the whole frame, or where others are in it, generously around the face.
        company: whether others are in the frame.
    """

    track: FaceTrack
    frame: int
    seconds: float
    image: Picture
    company: bool


@dataclass
class Sampling:
    """What became of the faces at the chosen rate.

    Attributes:
        kept: given out.
        near_identical, blurred: as they say.
        crowded: another face was too near for a picture of one person alone.
        passing: seen too briefly to be a track.
    """

    kept: int = 0
    near_identical: int = 0
    blurred: int = 0
    crowded: int = 0
    passing: int = 0

    def dropped(self) -> dict[str, int]:
        """What was left out, in words, without the zeros."""
        words = {
            "near-identical": self.near_identical,
            "blurred": self.blurred,
            "too close to somebody else": self.crowded,
            "seen too briefly": self.passing,
        }
        return {word: count for word, count in words.items() if count}


class FaceSampler:
    """The faces worth keeping of a video: at a chosen rate, sharp, each different from those before.

    The same file and settings give the same samples, however often it is gone through.

    Args:
        rate: frames a second to choose from.
        thresholds: ``min_sharpness`` says what is blurred, ``min_mesh_score`` what is no face.
    """

    def __init__(self, rate: float, thresholds: Thresholds | None = None) -> None:
        self.rate = rate
        self.sampling = Sampling()
        self._thresholds = thresholds or Thresholds()
        self._follower = FaceFollower(self._thresholds)
        self._seen: dict[FaceTrack, deque[Look]] = {}
        self._waiting: list[FaceSample] = []
        self._slot = -1

    def look(self, frame: Frame) -> list[FaceSample]:
        """Take in the next frame; returns the samples that are certain by now, in order."""
        faces = self._follower.look(frame)
        slot = slot_of(frame.seconds, self.rate)
        if slot != self._slot:
            self._slot = slot
            samples = [self._sample(frame, face, faces) for face in faces]
            self._waiting += [sample for sample in samples if sample is not None]
        return self._certain()

    def finish(self) -> list[FaceSample]:
        """The video is over: what was still waiting."""
        self._follower.tracker.finish()
        return self._certain()

    def _certain(self) -> list[FaceSample]:
        """Of those waiting, the samples of confirmed tracks; those of false detections go."""
        ready = [sample for sample in self._waiting if sample.track.number is not None]
        over = [s for s in self._waiting if s.track.number is None and not s.track.alive]
        self._waiting = [s for s in self._waiting if s.track.number is None and s.track.alive]
        self.sampling.kept += len(ready)
        self.sampling.passing += len(over)
        self._seen = {track: seen for track, seen in self._seen.items() if track.alive}
        return ready

    def _sample(self, frame: Frame, face: FollowedFace, faces: list[FollowedFace]) -> FaceSample | None:
        try:
            crop = warp(frame.image, align(face.detection.points, MEASURING_SIZE), MEASURING_SIZE)
            look = Look.at(frame.image, face.mesh.points)
        except GeometryError:
            return None
        if sharpness(crop) < self._thresholds.min_sharpness:
            self.sampling.blurred += 1
            return None
        others = [other.box for other in faces if other is not face]
        # Others of whom this frame shows too little to be found are where they were just before.
        known = self._follower.tracker.tracks
        others += [o.expected(frame.seconds) for o in known if o.number and o.last_seconds < frame.seconds]
        image = alone(frame.image, face.box, others)
        if image is None:
            self.sampling.crowded += 1
            return None
        seen = self._seen.setdefault(face.track, deque(maxlen=_REMEMBERED))
        if any(look.is_near(other) for other in seen):
            self.sampling.near_identical += 1
            return None
        seen.append(look)
        return FaceSample(face.track, frame.number, frame.seconds, image, bool(others))


def sample_faces(reader: VideoReader, sampler: FaceSampler) -> Iterator[list[FaceSample]]:
    """Go through a video: for each frame that was looked at the samples that came with it, mostly none."""
    for frame in reader:
        yield sampler.look(frame)
    yield sampler.finish()


def alone(image: Picture, box: Box, others: list[Box]) -> Picture | None:
    """What of a frame shows one face and nobody else's; None where they are too near to each other.

    Args:
        image: RGB uint8 [H, W, 3].
        box: the face to keep.
        others: the faces that must not be in it.

    Returns:
        The whole frame where there are no others, else a copy of the part around the face.
    """
    height, width = image.shape[:2]
    if not others:
        return image
    least = box.scaled(_LEAST).clip(width, height)
    region = box.scaled(_GENEROUS).clip(width, height)
    for other in others:
        region = _without(region, other.scaled(_OTHERS), least)
        if region.area <= 0:
            return None
    # The last word has the detector: whoever looks at the picture later must find nobody else.
    if any(not is_same(face.box, box) for face in detect_in(image, region)):
        return None
    left, top = int(np.ceil(region.x)), int(np.ceil(region.y))
    return image[top : int(region.bottom), left : int(region.right)].copy()


def _without(region: Box, other: Box, least: Box) -> Box:
    """The largest part of a region beside another face that still holds ``least``; empty if there is none."""
    if region.intersection(other) <= 0:
        return region
    options = [
        Box(region.x, region.y, max(other.x - region.x, 0), region.h),
        Box(other.right, region.y, max(region.right - other.right, 0), region.h),
        Box(region.x, region.y, region.w, max(other.y - region.y, 0)),
        Box(region.x, other.bottom, region.w, max(region.bottom - other.bottom, 0)),
    ]
    whole = [option for option in options if option.intersection(least) >= least.area * 0.999]
    return max(whole, key=lambda option: option.area, default=Box(region.x, region.y, 0, 0))
