"""Faces and six points on each, by BlazeFace (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047).

The network sees 128×128 pixels, whatever the picture's size: the whole picture letterboxed first; if there is
no face, the picture with a wide border (for a face that fills it), then overlapping tiles (for one that is
small).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.faces.assets import model_path
from ml.geometry import Box, Points
from ml.litert import LiteRTModel
from ml.pictures import Halves, Picture

#: The six points in the network's order; left and right are the subject's own.
POINT_NAMES = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")

INPUT_SIZE = 128
#: So many pictures of a batch go through the network at once.
BATCH = 4
#: What the network answers for: 16×16 cells with two anchors each, then 8×8 with six.
_FINE, _COARSE = 512, 384
MIN_SCORE = 0.5
#: Tiles and borders offer the network many more chances to see a face in a pattern, so it has to be surer
#: there.
MIN_SCORE_SECOND_PASS = 0.7
SAME_FACE_IOU = 0.3
#: Neighbouring tiles share half their side, so that any face up to half a tile is whole in one of them.
TILE_OVERLAP = 0.5
MIN_TILE = 160
#: A long panorama must not cost seconds: at most this many tiles at a level.
MAX_TILES = 96


@dataclass(frozen=True, slots=True)
class Detection:
    """One face.

    Attributes:
        box: around the face from brow to chin, in pixels of the picture; may reach over its border.
        score: the network's certainty, 0 to 1.
        points: float64 [6, 2] in the order of :data:`POINT_NAMES`, in pixels of the picture.
    """

    box: Box
    score: float
    points: Points


@cache
def _anchors() -> NDArray[np.float64]:
    """The 896 anchor centres [896, 2] in input sides: 16×16 cells twice, then 8×8 cells six times."""
    layers = []
    for cells, repeats in ((16, 2), (8, 6)):
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(layers)


@cache
def _network(batch: int) -> LiteRTModel:
    return LiteRTModel(model_path("blazeface"), batch=batch)


def detect(
    image: Picture,
    *,
    min_score: float = MIN_SCORE,
    second_pass: bool = True,
    halves: Halves | None = None,
) -> list[Detection]:
    """Find the faces in a picture, surest first.

    Args:
        image: RGB uint8 [H, W, 3], any size.
        min_score: how sure the network has to be in the first pass.
        second_pass: look again with a border and on tiles when the first look finds nobody for sure.
        halves: of the image, where others use them, too.

    Raises:
        ValueError: the array is not RGB uint8.
    """
    return _detect([image], min_score=min_score, second_pass=second_pass, halves=[halves])[0]


def detect_batch(
    images: Sequence[Picture], *, min_score: float = MIN_SCORE, second_pass: bool = True
) -> list[list[Detection]]:
    """As :func:`detect`, for several pictures of any sizes: they go through the network together.

    The same faces as one by one, to the bit. On one core of a CPU it is no faster, so that neither tiles nor frames of
    a film wait for each other.
    """
    return _detect(images, min_score=min_score, second_pass=second_pass, halves=[None] * len(images))


def _detect(
    images: Sequence[Picture], *, min_score: float, second_pass: bool, halves: Sequence[Halves | None]
) -> list[list[Detection]]:
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"An RGB uint8 array [H, W, 3] is needed, not {image.dtype} {list(image.shape)}."
            )
    seen = [index for index, image in enumerate(images) if min(image.shape[:2]) >= 2]
    views = [
        _letterbox(images[i], Box(0, 0, *images[i].shape[1::-1]), halves[i] or Halves(images[i]))
        for i in seen
    ]
    found: list[list[Detection]] = [[] for _ in images]
    for index, faces in zip(seen, _look(views, min_score, batch=BATCH), strict=True):
        found[index] = _merge(faces)
        if second_pass:
            found[index] = _look_closer(images[index], found[index], max(min_score, MIN_SCORE_SECOND_PASS))
    return found


def _look_closer(image: Picture, found: list[Detection], sure: float) -> list[Detection]:
    """What was found at first sight where that is sure, else what a border or tiles show."""
    # Below "sure", what looks like a face from afar is as often the outline of somebody whose real face is
    # too small to be seen at this size; a closer look decides, and what was seen first stands when that shows
    # nothing.
    if found and found[0].score >= sure:
        return found
    height, width = image.shape[:2]
    for regions in _second_looks(width, height):
        looks = _look([_letterbox(image, region) for region in regions], sure)
        closer = _merge([face for faces in looks for face in faces])
        closer = [face for face in closer if face.box.share_inside(width, height) > 0.5]
        if closer:
            return closer
    return found


def _second_looks(width: int, height: int) -> Iterator[list[Box]]:
    """Regions to look at, level by level: a wide border, then tiles of half and a quarter of the side or so."""
    yield [Box(0, 0, width, height).scaled(1.6)]
    long_side, short_side = max(width, height), min(width, height)
    tiles = [long_side / 2, long_side / 4]
    if 0.5 < short_side / long_side < 0.8:
        # A wide picture is mostly letterbox: three squares of its full height show everything half as large again.
        tiles[0] = short_side
    for tile in (max(side, MIN_TILE) for side in tiles):
        if tile >= long_side:
            return
        columns, rows = _starts(width, tile), _starts(height, tile)
        if len(columns) * len(rows) <= MAX_TILES:
            yield [Box(x, y, tile, tile) for y in rows for x in columns]


def _starts(length: float, tile: float) -> list[float]:
    """Where tiles begin along one side so that they cover it evenly and overlap by :data:`TILE_OVERLAP`."""
    if length <= tile:
        return [(length - tile) / 2]
    count = int(np.ceil((length - tile) / (tile * (1 - TILE_OVERLAP)) - 1e-9)) + 1
    return [float(start) for start in np.linspace(0, length - tile, count)]


@dataclass(frozen=True, slots=True)
class _View:
    """A square of the picture as the network sees it: uint8 [128, 128, 3], and where it lies in pixels."""

    pixels: Picture
    left: float
    top: float
    side: float


def _look(views: Sequence[_View], min_score: float, *, batch: int = 1) -> list[list[Detection]]:
    """What the network finds in each view, without merging; ``batch`` views go through it at once."""
    found = []
    while views:
        count = batch if len(views) >= batch else 1
        some, views = views[:count], views[count:]
        inputs = np.stack([view.pixels for view in some]).astype(np.float32) / 127.5 - 1.0
        regressors, logits = (_by_picture(values, count) for values in _network(count)(inputs))
        found += [_decoded(*each, min_score) for each in zip(some, regressors, logits[..., 0], strict=True)]
    return found


def _by_picture(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The network's answers [1, count · 896, n] as [count, 896, n]: it lists all fine cells before all coarse ones."""
    fine, coarse = np.split(values[0], [count * _FINE])
    shape = (count, -1, values.shape[-1])
    return np.concatenate([fine.reshape(shape), coarse.reshape(shape)], axis=1) if count > 1 else values


def _decoded(
    view: _View, regressors: NDArray[np.float32], logits: NDArray[np.float32], min_score: float
) -> list[Detection]:
    # A logit below this can never reach min_score: spares the sigmoid of nearly all 896.
    keep = np.flatnonzero(logits >= np.log(min_score / (1 - min_score)))
    if len(keep) == 0:
        return []
    scores = 1 / (1 + np.exp(-np.clip(logits[keep].astype(np.float64), -80, 80)))
    raw = regressors[keep].astype(np.float64).reshape(len(keep), 8, 2) / INPUT_SIZE
    size = raw[:, 1].copy()
    raw += _anchors()[keep][:, None, :]
    left, top, side = view.left, view.top, view.side
    found = []
    for center, (w, h), points, score in zip(raw[:, 0], size, raw[:, 2:], scores, strict=True):
        if w <= 0 or h <= 0:
            continue
        box = Box(left + (center[0] - w / 2) * side, top + (center[1] - h / 2) * side, w * side, h * side)
        # The network counts from the left edge of its first pixel, points here from a pixel's centre.
        found.append(Detection(box, float(score), points * side + (left - 0.5, top - 0.5)))
    return found


def _letterbox(image: Picture, region: Box, halves: Halves | None = None) -> _View:
    """The region as the network sees it, black where it leaves the picture or is not square.

    `halves` are of the image, to be used where the region is all of it.
    """
    height, width = image.shape[:2]
    side = region.long_side
    scale = INPUT_SIZE / side
    left, top = region.center[0] - side / 2, region.center[1] - side / 2
    # What of the region is picture, on whole pixels of the input so that no resampling is needed at the seam.
    x0, x1 = (round((min(max(v, 0), width) - left) * scale) for v in (region.x, region.right))
    y0, y1 = (round((min(max(v, 0), height) - top) * scale) for v in (region.y, region.bottom))
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    sx0, sy0 = max(round(region.x), 0), max(round(region.y), 0)
    part = image[sy0 : max(round(region.bottom), sy0 + 1), sx0 : max(round(region.right), sx0 + 1)]
    canvas = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
    x1, y1 = min(x1, INPUT_SIZE), min(y1, INPUT_SIZE)
    if part.shape[1] >= x1 - x0 and part.shape[0] >= y1 - y0:
        shared = halves if halves is not None and part.shape == image.shape else Halves(part)
        canvas[y0:y1, x0:x1] = shared.shrink(x1 - x0, y1 - y0)
    else:
        canvas[y0:y1, x0:x1] = cv2.resize(part, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    return _View(canvas, left, top, side)


def _merge(found: list[Detection]) -> list[Detection]:
    """Weighted non-maximum suppression: overlapping detections are averaged by score, as the paper does.

    Averaging instead of picking the best is what keeps the points still from frame to frame.
    """
    rest = sorted(found, key=lambda face: face.score, reverse=True)
    merged = []
    while rest:
        best = rest[0]
        same = [face for face in rest if face is best or face.box.iou(best.box) > SAME_FACE_IOU]
        rest = [face for face in rest if not any(face is other for other in same)]
        weights = np.array([face.score for face in same])
        weights /= weights.sum()
        x, y, w, h = weights @ np.array([face.box.as_list() for face in same])
        points = np.tensordot(weights, np.stack([face.points for face in same]), axes=1)
        merged.append(Detection(Box(float(x), float(y), float(w), float(h)), best.score, points))
    return merged
