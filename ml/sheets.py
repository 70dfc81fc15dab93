"""Contact sheets of a model's answers: faces with what was said of them, points on them, masks taken off.

They show people's faces: whoever stores one has to remove it when one of these people withdraws.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.evaluate import Evaluation
from ml.pictures import Picture, resize_squares

_TILE, _GAP, _LINE = 128, 6, 18
_WHITE, _INK, _ACCENT = 255, (34, 34, 34), (180, 70, 15)
_GOOD = (30, 140, 60)


def worst_cases(evaluation: Evaluation, *, count: int = 24, columns: int = 6) -> Picture:
    """The answers that were furthest off, worst first: RGB uint8 [H, W, 3]."""
    worst = np.argsort(-evaluation.errors, kind="stable")[:count]
    tiles = {"smiley": _smiley_tile, "keypoints": _point_tile}.get(evaluation.info.task, _unmask_tile)
    return _sheet([tiles(evaluation, int(index)) for index in worst], columns)


def strips(evaluation: Evaluation, *, count: int = 12, columns: int = 3) -> Picture:
    """Mask removal, evenly over the people: masked, unmasked, bare. RGB uint8 [H, W, 3]."""
    chosen = np.linspace(0, len(evaluation.chosen) - 1, min(count, len(evaluation.chosen))).astype(int)
    return _sheet([_unmask_tile(evaluation, int(index)) for index in chosen], columns)


def _smiley_tile(evaluation: Evaluation, index: int) -> Picture:
    classes = evaluation.info.classes
    said = int(evaluation.predictions[index].argmax())
    true = int(evaluation.labels[index])
    share = float(evaluation.predictions[index, said])
    first = f"{classes[said]} {share:.0%}"
    second = "right" if said == true else f"was {classes[true]}"
    return _captioned(_face(evaluation, index), (first, second), _GOOD if said == true else _ACCENT)


def _point_tile(evaluation: Evaluation, index: int) -> Picture:
    data, place = evaluation.data, evaluation.chosen[index]
    assert data.points is not None
    tile = np.ascontiguousarray(_face(evaluation, index))
    zoom = _TILE / data.size
    for points, colour in ((data.points[place], _GOOD), (evaluation.predictions[index], _ACCENT)):
        for x, y in np.asarray(points)[np.isfinite(points).all(axis=1)]:
            where = (round(float((x + 0.5) * zoom)), round(float((y + 0.5) * zoom)))
            cv2.circle(tile, where, 2, colour, -1, cv2.LINE_AA)
    return _captioned(np.asarray(tile), (f"{evaluation.errors[index]:.1f} px",), _INK)


def _unmask_tile(evaluation: Evaluation, index: int) -> Picture:
    data, place = evaluation.data, evaluation.chosen[index : index + 1]
    assert data.masked is not None
    found = evaluation.predictions[index : index + 1]
    row = [resize_squares(np.asarray(a), _TILE) for a in (data.masked[place], found, data.images[place])]
    return _captioned(
        np.hstack([part[0] for part in row]), (f"L1 inside {evaluation.errors[index]:.3f}",), _INK
    )


def _face(evaluation: Evaluation, index: int) -> Picture:
    place = evaluation.chosen[index : index + 1]
    return np.asarray(resize_squares(np.asarray(evaluation.data.images[place]), _TILE)[0], dtype=np.uint8)


def _captioned(tile: Picture, lines: tuple[str, ...], colour: tuple[int, int, int]) -> Picture:
    text = np.full((_LINE * len(lines) + 4, tile.shape[1], 3), _WHITE, np.uint8)
    for number, line in enumerate(lines, start=1):
        cv2.putText(
            text, line, (2, _LINE * number - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA
        )
    return np.vstack([tile, text])


def _sheet(tiles: list[NDArray[np.uint8]], columns: int) -> Picture:
    height = max(tile.shape[0] for tile in tiles) + _GAP
    width = max(tile.shape[1] for tile in tiles) + _GAP
    rows = -(-len(tiles) // columns)
    columns = min(columns, len(tiles))
    sheet = np.full((rows * height, columns * width, 3), _WHITE, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (number // columns) * height, (number % columns) * width
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet
