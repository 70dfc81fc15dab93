"""Whether two pictures show one face in the same way: same expression, same turn, same light.

This compares frames of one track with each other, to leave out repetitions, and photos whose perceptual hashes are
near, to find copies; it says nothing of who somebody is, and nothing of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.faces.crop import warp
from ml.faces.phash import NEAR_BITS, hash_distance, perceptual_hash
from ml.geometry import Box, GeometryError, Points, Similarity
from ml.pictures import Picture

#: Looks are near-identical when their perceptual hashes differ in no more than NEAR_BITS and no part of the face (an
#: eighth of the crop wide) by more than so many grey levels, mean light apart.
#:
#: Measured: a face that moves by up to a pixel in a noisy recording stays under both; a wink exceeds the second (18),
#: an opened mouth both. Of 2,043 pairs of one person's different expressions (CK+, 48 pixels) none is under both,
#: of 579 pairs of frames of one expression 63 % are.
NEAR_GREY = 14.0

# The mesh points that no expression moves (corners of the eyes, foot of the nose), and where they are brought to. The
# detector's own six points shake by several pixels from frame to frame, which would pass for a movement of the face.
_STEADY = (33, 263, 133, 362, 2)
_PLACES = np.array([[0.33, 0.40], [0.67, 0.40], [0.435, 0.41], [0.565, 0.41], [0.5, 0.60]])
_SIDE = 128
_BORDER = 16  # hair and background, not looked at
_SMALL = 48
_SHIFT = 4
_PARTS = 6


@dataclass(frozen=True, eq=False)
class Look:
    """What is compared of one view of a face.

    Attributes:
        digest: perceptual hash, 16 hexadecimal digits.
        grey: float32 [56, 56], the face with a small border to be shifted in.
    """

    digest: str
    grey: NDArray[np.float32]

    @classmethod
    def at(cls, image: Picture, mesh: Points) -> Look:
        """How a face looks in a frame.

        Args:
            image: RGB uint8 [H, W, 3].
            mesh: [468, ≥2] in pixels of the frame.

        Raises:
            GeometryError: the mesh has no extent.
        """
        upright = Similarity.from_points(mesh[list(_STEADY), :2], _PLACES * _SIDE - 0.5)
        return cls.of(warp(image, upright, _SIDE))

    @classmethod
    def of(cls, crop: Picture) -> Look:
        """How the face of an upright crop looks: RGB uint8 [128, 128, 3], as ``ml.faces.crop`` aligns it."""
        inner = np.ascontiguousarray(crop[_BORDER:-_BORDER, _BORDER:-_BORDER])
        reach = _BORDER - 2 * _SHIFT
        grey = cv2.cvtColor(np.ascontiguousarray(crop[reach:-reach, reach:-reach]), cv2.COLOR_RGB2GRAY)
        side = _SMALL + 2 * _SHIFT
        small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
        return cls(perceptual_hash(inner), np.asarray(small, dtype=np.float32))

    def is_near(self, other: Look) -> bool:
        """Whether the eye could hardly tell the two apart."""
        return (
            hash_distance(self.digest, other.digest) <= NEAR_BITS
            and self.largest_difference(other) <= NEAR_GREY
        )

    def largest_difference(self, other: Look) -> float:
        """Mean grey levels in the part of the face that differs most: a wink is a small part of it."""
        inner = np.ascontiguousarray(other.grey[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT])
        fit = cv2.matchTemplate(self.grey, inner, cv2.TM_CCOEFF_NORMED)
        top, left = np.unravel_index(int(fit.argmax()), fit.shape)
        same = self.grey[top : top + _SMALL, left : left + _SMALL]
        # A lamp that flickers changes all of the face, and is no other expression.
        away = np.abs((same - same.mean()) - (inner - inner.mean()))
        side = _SMALL // _PARTS
        return float(away.reshape(_PARTS, side, _PARTS, side).mean(axis=(1, 3)).max())


def picture_difference(one: Picture, other: Picture, box: Box) -> float:
    """How much of a copy of each other two pictures are: 0 for the same pixels, in the unit of NEAR_GREY.

    What is compared is the same part of both, and so finely that another expression is a difference. Another size,
    another compression, or a filter that makes all of it brighter or duller is none.

    Args:
        one, other: RGB uint8 [H, W, 3], each of any size.
        box: what matters in ``one`` (the face), in its pixels.

    Raises:
        GeometryError: the box has no extent.
    """
    zoom = other.shape[1] / one.shape[1]
    same = Box(box.x * zoom, box.y * zoom, box.w * zoom, box.h * zoom)
    return Look.of(_evened(one, box)).largest_difference(Look.of(_evened(other, same)))


def _evened(image: Picture, box: Box) -> Picture:
    """The square around a box as uint8 [128, 128, 3], grey, with the mean and contrast of a usual photo."""
    if box.long_side <= 0:
        raise GeometryError("A box without a side shows nothing to compare.")
    scale = (_SIDE - 2 * _BORDER) / box.long_side
    x, y = box.center
    middle = (_SIDE - 1) / 2
    place = Similarity.from_parts(scale=scale, shift=(middle - scale * (x - 0.5), middle - scale * (y - 0.5)))
    grey = cv2.cvtColor(warp(image, place, _SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = max(float(grey.std()), 8.0)
    evened = np.clip((grey - grey.mean()) * (50.0 / spread) + 128.0, 0, 255).astype(np.uint8)
    return np.repeat(evened[..., None], 3, axis=2)
