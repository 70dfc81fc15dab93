"""Faces and six points on each, by BlazeFace (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047).

The network sees 128×128 pixels, whatever the picture's size: the whole picture letterboxed first; if there is
no face, the picture with a wide border (for a face that fills it), then overlapping tiles (for one that is
small).
"""

from __future__ import annotations

from collections.abc import Iterator
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
def _network() -> LiteRTModel:
    return LiteRTModel(model_path("blazeface"))


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
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"An RGB uint8 array [H, W, 3] is needed, not {image.dtype} {list(image.shape)}.")
    height, width = image.shape[:2]
    if min(height, width) < 2:
        return []
    whole = Box(0, 0, width, height)
    found = _merge(_look(image, whole, min_score, halves or Halves(image)))
    # Below "sure", what looks like a face from afar is as often the outline of somebody whose real face is
    # too small to be seen at this size; a closer look decides, and what was seen first stands when that shows
    # nothing.
    sure = max(min_score, MIN_SCORE_SECOND_PASS)
    if not second_pass or (found and found[0].score >= sure):
        return found
    for regions in _second_looks(width, height):
        closer = _merge([seen for region in regions for seen in _look(image, region, sure)])
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


def _look(image: Picture, region: Box, min_score: float, halves: Halves | None = None) -> list[Detection]:
    """Run the network once on ``region`` (which may reach over the picture's border), without merging."""
    inputs, left, top, side = _letterbox(image, region, halves)
    regressors, logits = _network()(inputs)
    # A logit below this can never reach min_score: spares the sigmoid of nearly all 896.
    keep = np.flatnonzero(logits[0, :, 0] >= np.log(min_score / (1 - min_score)))
    if len(keep) == 0:
        return []
    scores = 1 / (1 + np.exp(-np.clip(logits[0, keep, 0].astype(np.float64), -80, 80)))
    raw = regressors[0, keep].astype(np.float64).reshape(len(keep), 8, 2) / INPUT_SIZE
    size = raw[:, 1].copy()
    raw += _anchors()[keep][:, None, :]
    found = []
    for center, (w, h), points, score in zip(raw[:, 0], size, raw[:, 2:], scores, strict=True):
        if w <= 0 or h <= 0:
            continue
        box = Box(left + (center[0] - w / 2) * side, top + (center[1] - h / 2) * side, w * side, h * side)
        # The network counts from the left edge of its first pixel, points here from a pixel's centre.
        found.append(Detection(box, float(score), points * side + (left - 0.5, top - 0.5)))
    return found


def _letterbox(
    image: Picture, region: Box, halves: Halves | None = None
) -> tuple[NDArray[np.float32], float, float, float]:
    """The region as network input [1, 128, 128, 3] in −1…1, black where it leaves the picture or is not
    square.

    Returns it with the square's left and top edge and its side, in pixels of the picture. `halves` are of the image,
    to be used where the region is all of it.
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
    return (canvas.astype(np.float32) / 127.5 - 1.0)[None], left, top, side


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
