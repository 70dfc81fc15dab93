"""Which face of one frame is which of the next, by place and size alone.

Nothing here looks at who somebody is: a face that leaves the picture and comes back is a new track, and so is
one that was lost behind another or across a cut. Two tracks may be one person; one track should never be two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.geometry import Box
from ml.pictures import Picture, shrink

#: A face not seen for longer than this, in seconds, is gone.
MAX_GAP = 1.0
#: Seen so often in a row, a detection is somebody, and gets a number.
CONFIRMED_AFTER = 3
#: Boxes of one face in successive frames share at least this much …
MIN_IOU = 0.25
#: … or, moved faster, have their middles this near, in box sides, and sides within this ratio.
MAX_SHIFT = 0.75
MAX_RATIO = 1.6
#: A face lost while another covers this much of its place may come back as that other one.
HIDDEN_IOU = 0.1
#: How fast the estimate of a face's speed follows what is seen, 0 to 1.
_FOLLOW = 0.5


@dataclass(slots=True, eq=False)
class FaceTrack:
    """A face followed over frames.

    Attributes:
        number: 1, 2, … in the order in which tracks were confirmed; None while it may be a false detection.
        box: where it was seen last, in pixels of the frame.
        first_seconds, last_seconds: when it was seen first and last.
        hits: in how many frames.
    """

    box: Box
    first_seconds: float
    last_seconds: float
    number: int | None = None
    hits: int = 1
    alive: bool = True
    _speed: tuple[float, float] = (0.0, 0.0)

    def expected(self, seconds: float) -> Box:
        """Where the face should be, if it goes on as it moved."""
        ahead = min(seconds - self.last_seconds, MAX_GAP / 2)
        return Box(
            self.box.x + self._speed[0] * ahead, self.box.y + self._speed[1] * ahead, self.box.w, self.box.h
        )

    def see(self, box: Box, seconds: float) -> None:
        """Note that the face was seen."""
        passed = seconds - self.last_seconds
        if passed > 0:
            (x, y), (old_x, old_y) = box.center, self.box.center
            seen = (x - old_x) / passed, (y - old_y) / passed
            self._speed = (
                self._speed[0] + _FOLLOW * (seen[0] - self._speed[0]),
                self._speed[1] + _FOLLOW * (seen[1] - self._speed[1]),
            )
        self.box, self.last_seconds = box, seconds
        self.hits += 1


class FaceTracker:
    """Gives each face of each frame its track. Memory: the tracks alive, however long the video."""

    def __init__(self) -> None:
        self.tracks: list[FaceTrack] = []
        self._confirmed = 0

    def update(self, boxes: Sequence[Box], seconds: float) -> list[FaceTrack]:
        """Take in one frame; returns the track of each box, in order.

        Args:
            boxes: the faces found, in pixels of the frame.
            seconds: the frame's time; never less than that of the frame before.
        """
        for track in self.tracks:
            # A detection that never repeated was none.
            gap = MAX_GAP if track.number else MAX_GAP / 3
            if seconds - track.last_seconds > gap:
                track.alive = False
        self.tracks = [track for track in self.tracks if track.alive]
        found: dict[int, FaceTrack] = {}
        for track, index in self._pairs(boxes, seconds):
            track.see(boxes[index], seconds)
            found[index] = track
        for index, box in enumerate(boxes):
            if index not in found:
                found[index] = FaceTrack(box, seconds, seconds)
                self.tracks.append(found[index])
        for track in found.values():
            if track.number is None and track.hits >= CONFIRMED_AFTER:
                self._confirm(track)
        self._drop_hidden(list(found.values()), seconds)
        return [found[index] for index in range(len(boxes))]

    def cut(self) -> None:
        """The scene has changed: whoever is seen next is somebody new."""
        for track in self.tracks:
            track.alive = False
        self.tracks = []

    def finish(self) -> None:
        """The video is over: what was too short to be confirmed and was seen at the end is taken for a face."""
        for track in self.tracks:
            if track.number is None:
                self._confirm(track)

    def _confirm(self, track: FaceTrack) -> None:
        self._confirmed += 1
        track.number = self._confirmed

    def _pairs(self, boxes: Sequence[Box], seconds: float) -> list[tuple[FaceTrack, int]]:
        """Tracks and boxes that belong together, the nearest first; each at most once."""
        candidates = []
        for place, track in enumerate(self.tracks):
            expected = track.expected(seconds)
            for index, box in enumerate(boxes):
                iou = max(expected.iou(box), track.box.iou(box))
                if iou >= MIN_IOU:
                    candidates.append((-iou, place, index))
                elif (away := _away(expected, box)) is not None:
                    candidates.append((away, place, index))
        pairs: dict[int, int] = {}
        for _, place, index in sorted(candidates):
            if place not in pairs and index not in pairs.values():
                pairs[place] = index
        return [(self.tracks[place], index) for place, index in pairs.items()]

    def _drop_hidden(self, seen: list[FaceTrack], seconds: float) -> None:
        for track in self.tracks:
            if track.last_seconds < seconds:
                expected = track.expected(seconds)
                if any(expected.iou(other.box) > HIDDEN_IOU for other in seen):
                    track.alive = False
        self.tracks = [track for track in self.tracks if track.alive]


def _away(expected: Box, box: Box) -> float | None:
    """How far two boxes' middles are apart, in box sides; None where that or the sizes are too different."""
    one, other = expected.long_side, box.long_side
    if min(one, other) <= 0 or max(one, other) / min(one, other) > MAX_RATIO:
        return None
    (x, y), (other_x, other_y) = expected.center, box.center
    away = math.hypot(x - other_x, y - other_y) / max(one, other)
    return away if away <= MAX_SHIFT else None


class SceneCuts:
    """Finds the frames at which a new scene begins, so that no track goes on over a cut.

    Shrunk to 32×32, successive frames of one scene correlate even when the camera turns, different pictures do
    not: of 698 pairs of unlike portraits 2 % reach the threshold, while a pan by an eighth of the picture from
    one frame to the next or a turn by 5° stays above it. A faster one splits a track, which is harmless.
    """

    #: Correlation of successive frames, at the best shift, under which they show different scenes.
    MIN_CORRELATION = 0.75
    _SIDE = 32
    _SHIFT = 4
    #: An all but even picture has no contrast to correlate: its noise is no scene.
    _EVEN = 3.0

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None

    def is_cut(self, image: Picture) -> bool:
        """Whether this frame, RGB uint8 [H, W, 3], begins another scene than the one before it."""
        grey = cv2.cvtColor(shrink(image, self._SIDE, self._SIDE), cv2.COLOR_RGB2GRAY)
        small = np.asarray(grey, dtype=np.float32)
        last, self._last = self._last, small
        if last is None or (last.std() < self._EVEN and small.std() < self._EVEN):
            return False
        middle = np.ascontiguousarray(small[self._SHIFT : -self._SHIFT, self._SHIFT : -self._SHIFT])
        alike = cv2.matchTemplate(last, middle, cv2.TM_CCOEFF_NORMED)
        return float(alike.max()) < self.MIN_CORRELATION
