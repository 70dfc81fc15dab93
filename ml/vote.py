"""The vote over 45 windows: what a network says of a face when it is looked at a little differently 45 times.

A classifier's answer changes when the crop moves by two pixels. The Smielfy articles therefore look at 5 scales
and 3×3 shifts around the face, add the probabilities up and divide them by 45; the score is the winner's share.
Here the windows lie around the aligned face: similarity transforms on top of ``ml.faces.crop.align``, so that
level eyes and one size come first and the windows cover what is left of the uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.faces.crop import align, warp
from ml.geometry import Similarity
from ml.pictures import Picture
from ml.predict import SmileyClassifier

#: How much of the face a window shows, as a share of the aligned crop's side.
SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)
#: The middle of a window, in steps of :func:`shift_pixels`.
SHIFTS = tuple((x, y) for y in (-1, 0, 1) for x in (-1, 0, 1))
WINDOWS = len(SCALES) * len(SHIFTS)
#: The window that is the aligned crop itself.
CENTRAL_WINDOW = SCALES.index(1.0) * len(SHIFTS) + SHIFTS.index((0, 0))
_STEPS_A_SIDE = 24
#: A face this many times as large as the windows has all the detail that they can show.
_DETAIL = 4


@dataclass(frozen=True)
class Vote:
    """What the windows add up to.

    Attributes:
        shares: float64 [C], one a class; their sum is 1.
        winner: index of the class with the largest share; of equal ones the first.
        score: the winner's share, 1/C to 1.
    """

    shares: NDArray[np.float64]
    winner: int
    score: float

    def named(self, classes: tuple[str, ...]) -> dict[str, float]:
        """``{class: share}``, the winner first. ``classes`` are those of the network that was asked."""
        pairs = zip(classes, self.shares.tolist(), strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def vote(probabilities: ArrayLike) -> Vote:
    """Add up the windows' probabilities and divide by their number.

    The order of the windows changes nothing, to the last bit.

    Args:
        probabilities: [N, C], a distribution in each row; N is 45 for the windows of this module.

    Raises:
        ValueError: another shape, or rows that are no distributions.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"Probabilities are an array [windows, classes], not {list(rows.shape)}.")
    # Networks answer in float32, some in float16: their rows add up to 1 to about a thousandth.
    sound = np.isfinite(rows).all() and (rows >= 0).all() and np.abs(rows.sum(axis=1) - 1).max() < 0.01
    if not sound:
        raise ValueError("Each window needs probabilities: finite, none negative, 1 in sum.")
    # fsum rounds once, so that no order of adding is better than another.
    shares = np.array([math.fsum(column) for column in rows.T.tolist()]) / len(rows)
    shares /= shares.sum()
    winner = int(shares.argmax())
    return Vote(shares, winner, float(shares[winner]))


def shift_pixels(size: int) -> int:
    """How far the windows are moved, in pixels of a window with this side: 2 of 48, and whole ones always, so
    that the nine windows of a scale can be sliced from one picture."""
    return max(1, round(size / _STEPS_A_SIDE))


def windows(aligned: Similarity, size: int) -> list[Similarity]:
    """The 45 windows as transforms, scale by scale, each row by row.

    Args:
        aligned: photo → aligned crop of ``size``, as ``ml.faces.crop.align`` gives it.
        size: the side of each window in pixels.

    Returns:
        photo → window, 45 times; the one at :data:`CENTRAL_WINDOW` is ``aligned`` itself.
    """
    step = shift_pixels(size)
    return [
        _about_the_middle(aligned, size, scale, size, (-x * step, -y * step))
        for scale in SCALES
        for x, y in SHIFTS
    ]


def _about_the_middle(
    aligned: Similarity, size: int, scale: float, side: int, shift: tuple[int, int] = (0, 0)
) -> Similarity:
    """Photo → a picture of ``side`` about the same middle, in which a crop of ``scale`` has ``size`` pixels."""
    zoom, middle, new_middle = 1 / scale, (size - 1) / 2, (side - 1) / 2
    onto = new_middle - zoom * middle
    return aligned.then(Similarity.from_parts(scale=zoom, shift=(onto + shift[0], onto + shift[1])))


def window_crops(image: Picture, aligned: Similarity, size: int) -> Picture:
    """Cut the 45 windows: uint8 [45, size, size, 3] (without the last axis for a grey picture).

    Each scale is cut once, enlarged by the shifts, and its nine windows are slices of that: 5 warps, not 45.

    Args:
        image: uint8 [H, W, 3] or [H, W].
        aligned: photo → aligned crop of ``size``.
        size: the side of each window in pixels.
    """
    step = shift_pixels(size)
    side = size + 2 * step
    if aligned.scale < 1 / _DETAIL:
        # A large face is brought near to the windows' size once: the five warps then touch few pixels.
        all_of_it = math.ceil(_DETAIL * side * max(SCALES)) + 2
        to_detail = _about_the_middle(aligned, size, 1 / _DETAIL, all_of_it)
        image = warp(image, to_detail, all_of_it)
        aligned = to_detail.inverse().then(aligned)
    cut = np.empty((WINDOWS, size, size, *image.shape[2:]), np.uint8)
    index = 0
    for scale in SCALES:
        enlarged = warp(image, _about_the_middle(aligned, size, scale, side), side)
        for x, y in SHIFTS:
            left, top = (1 + x) * step, (1 + y) * step
            cut[index] = enlarged[top : top + size, left : left + size]
            index += 1
    return cut


def vote_on_face(model: SmileyClassifier, image: Picture, points6: ArrayLike) -> Vote:
    """Ask a network about a face in a photo or frame, 45 times.

    Args:
        model: the classifier; ``model.classes`` names the shares.
        image: RGB uint8 [H, W, 3].
        points6: [6, 2], BlazeFace's, in pixels of the image.

    Raises:
        GeometryError: the points give no crop.
    """
    size = model.input_size
    return vote(model.predict(window_crops(image, align(points6, size), size)))


def vote_on_crop(model: SmileyClassifier, crop: Picture) -> Vote:
    """The same where only the aligned crop was kept: uint8 [S, S, 3] or [S, S], as data sets hold it.

    Windows that reach over its border see its outermost pixels repeated.
    """
    side, size = crop.shape[0], model.input_size
    # The largest window reaches over the crop by half its surplus and a step.
    reach = math.ceil(side * ((max(SCALES) - 1) / 2 + max(SCALES) * shift_pixels(size) / size)) + 2
    bordered = cv2.copyMakeBorder(crop, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    zoom = size / side
    # The middle of the bordered crop onto the middle of the window.
    onto = (size - 1) / 2 - zoom * ((side - 1) / 2 + reach)
    aligned = Similarity.from_parts(scale=zoom, shift=(onto, onto))
    return vote(model.predict(window_crops(np.asarray(bordered, dtype=np.uint8), aligned, size)))
