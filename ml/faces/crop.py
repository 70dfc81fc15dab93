"""The one way a face is cut out of a photo, on the server and in the browser alike."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ml.geometry import GeometryError, Similarity
from ml.pictures import Picture

#: The sides of the crops that are kept: for classifiers, for keypoints, for looking at and for masks.
SIZES = (48, 96, 256)

# Where the eyes and the mouth are brought to, in shares of the crop's side. The three make the triangle of
# the average face (mouth 1.07 eye distances below the eyes; median of 930 faces), placed so that raised brows
# and the chin of a wide open mouth still lie inside.
EYES_Y = 0.36
EYE_DISTANCE = 0.34
MOUTH_Y = EYES_Y + 1.07 * EYE_DISTANCE


def align(points6: ArrayLike, size: int) -> Similarity:
    """The transform from photo to aligned crop: eyes level, face upright, one size.

    Fits, by least squares, the two eyes and the mouth of BlazeFace's six points onto the average face; nose
    and ears move too much when the head turns. ``static`` JavaScript does the same sums: change both
    together, and the golden values of the tests.

    Args:
        points6: [6, 2] right eye, left eye, nose, mouth, right ear, left ear, in pixels of the photo.
        size: the crop's side in pixels.

    Raises:
        GeometryError: not 6 points, not finite, or eyes and mouth in one place.
    """
    points = np.asarray(points6, dtype=np.float64)
    if points.shape != (6, 2):
        raise GeometryError(f"Six points [6, 2] are needed, not {list(points.shape)}.")
    if size < 1:
        raise GeometryError("A crop needs a side of at least one pixel.")
    target = np.array(
        [
            [(0.5 - EYE_DISTANCE / 2) * size, EYES_Y * size],
            [(0.5 + EYE_DISTANCE / 2) * size, EYES_Y * size],
            [0.5 * size, MOUTH_Y * size],
        ]
    )
    # Shares count from the crop's edge, points from the centre of its first pixel.
    return Similarity.from_points(points[[0, 1, 3]], target - 0.5)


def resized(transform: Similarity, size: int, new_size: int) -> Similarity:
    """A photo→crop transform for a crop of ``size``, made over for one of ``new_size`` of the same area."""
    scale = new_size / size
    return transform.then(Similarity.from_parts(scale=scale, shift=((scale - 1) / 2, (scale - 1) / 2)))


def warp(image: Picture, transform: Similarity, size: int, *, oversample: int = 2) -> Picture:
    """Cut the aligned crop: uint8 [size, size, 3] (or [size, size] of a grey [H, W] picture), black outside.

    Shrinking averages over the area that each pixel of the crop covers, so that nothing fine turns into
    noise: a plain bilinear warp looks at four pixels only, however many it should.

    Args:
        image: uint8 [H, W, 3] or [H, W].
        transform: photo → crop, as :func:`align` gives it.
        size: the crop's side in pixels.
        oversample: when shrinking, so many times the side is drawn and averaged. 1 is four times as fast, and fine
            for a network that looks for edges; crops that are kept or measured are made with 2.
    """
    if transform.scale <= 0:
        raise GeometryError("A crop of scale zero shows nothing.")
    if transform.scale >= 1:
        return _warp(image, transform, size)
    # The photo is shrunk first, on its own upright grid, by whole blocks of pixels, so that what is left for the
    # bilinear step is an enlargement or nearly none.
    block = math.floor(1 / (oversample * transform.scale))
    if block >= 2:
        image, transform = _shrink(image, transform, size, block)
    if oversample == 1:
        return _warp(image, transform, size)
    drawn = oversample * size
    return np.asarray(
        cv2.resize(
            _warp(image, resized(transform, size, drawn), drawn), (size, size), interpolation=cv2.INTER_AREA
        ),
        dtype=np.uint8,
    )


def _shrink(image: Picture, transform: Similarity, size: int, block: int) -> tuple[Picture, Similarity]:
    """Average ``block``×``block`` pixels into one over the part of the photo that the crop shows."""
    height, width = image.shape[:2]
    corners = transform.inverse().apply([[-1, -1], [size, -1], [size, size], [-1, size]])
    left, top = (int(v) for v in np.maximum(np.floor(corners.min(axis=0)) - block, 0))
    right, bottom = (int(v) for v in np.ceil(corners.max(axis=0)) + block + 1)
    columns = max(math.ceil((min(right, width) - left) / block), 1)
    rows = max(math.ceil((min(bottom, height) - top) / block), 1)
    part = image[top : top + rows * block, left : left + columns * block]
    missing_rows, missing_columns = rows * block - part.shape[0], columns * block - part.shape[1]
    if left >= width or top >= height:
        # The crop lies beside the photo: nothing of it is to be seen.
        part = np.zeros((block, block, *image.shape[2:]), np.uint8)
        rows = columns = 1
    elif missing_rows or missing_columns:
        part = np.asarray(
            cv2.copyMakeBorder(part, 0, missing_rows, 0, missing_columns, cv2.BORDER_REPLICATE),
            dtype=np.uint8,
        )
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # Pixel centres: index i of the small picture lies at (i + ½)·block − ½ + left in the photo.
    to_photo = Similarity.from_parts(scale=block, shift=(left + (block - 1) / 2, top + (block - 1) / 2))
    return np.asarray(small, dtype=np.uint8), to_photo.then(transform)


def _warp(image: Picture, transform: Similarity, size: int) -> Picture:
    warped = cv2.warpAffine(
        image, transform.matrix(), (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(warped, dtype=np.uint8)
