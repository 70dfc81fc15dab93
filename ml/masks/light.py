"""What the photo tells of its light, its lens and its sensor, measured on the face.

Intensities are linear in a gamma of two (``(value / 255)²``): near enough to sRGB for shading, and a square root is
cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.masks.surface import ANGLES, HEIGHTS, FaceSheet
from ml.pictures import Picture

Array = NDArray[np.floating[Any]]

#: Skin's usual share of red, green and blue in linear light, luma 1 (from the sample photos' median).
_SKIN = np.array([1.58, 0.86, 0.59], dtype=np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
#: Light that a white sheet would send back for the skin's one: skin reflects between a tenth and a half.
_SKIN_REFLECTANCE = 0.33
#: Every second node of the sheet from forehead to chin, −75° to 75°.
_NODES = slice(3, 36, 2), slice(9, 40, 2)


@dataclass(frozen=True)
class Light:
    """The light on the face.

    Attributes:
        shading: float32 [4]: brightness, relative to the face's mean, is shading[0] + shading[1:] · normal.
        spread: float32 over the sheet's grid, what shadows and spots make of it: a factor about 1.
        white: float32 [3], linear RGB that a white sheet facing as the face does on average would have.
        skin: linear luma of this face's skin.
        colour: 0 for a grey photo to 1 for one with usual colours.
    """

    shading: Array
    spread: Array
    white: Array
    skin: float
    colour: float

    @property
    def toward(self) -> Array:
        """Where the light comes from, weighted by how directed it is [3]: what was fitted, and some from above.

        The fit sees a face whose skin is part gloss and part light let through, and so underrates the light's
        direction; nearly always there is a sky or a ceiling.
        """
        return np.asarray(self.shading[1:] * 1.15 + np.array([0, -0.16, -0.06], np.float32), dtype=np.float32)

    def on(self, normals: Array) -> Array:
        """Brightness [...] relative to the face's mean on surfaces of these normals [..., 3]."""
        bright = self.shading[0] + normals @ self.toward
        # What looks away from the camera and down sees less of the room.
        bright *= 0.80 - 0.24 * normals[..., 2] - 0.10 * normals[..., 1]
        # No side of a face is ever black: light comes back from walls and shoulders.
        return np.asarray(np.maximum(bright, 0.18 + 0.12 * bright), dtype=np.float32)


@cache
def _skin_weights() -> Array:
    """How much each node of the sheet tells about bare skin [rows, columns]; none for eyes, brows, lips, nostrils."""
    angle, height = np.meshgrid(np.abs(ANGLES[_NODES[1]]), HEIGHTS[_NODES[0]])
    weight = np.ones_like(angle)
    weight[(height > 0.55)] = 0.35  # beards
    weight[(height < -0.26)] = 0.4  # hair
    weight[(angle > 62)] = 0.3  # hair, again
    hidden = (angle > 8) & (angle < 48) & (height > -0.26) & (height < 0.17)
    hidden |= (angle < 30) & (height > 0.66) & (height < 1.04)
    hidden |= (angle < 18) & (height > 0.44) & (height < 0.60)
    hidden |= (height > 1.22) | (height < -0.45)
    weight[hidden] = 0
    return weight.astype(np.float32)


@cache
def _whole_sheet() -> tuple[Array, Array]:
    """Where the sheet's nodes lie on the grid of those looked at; beyond its rim, on the rim."""
    rows, columns = _NODES
    column = np.clip((np.arange(len(ANGLES)) - columns.start) / columns.step, 0, len(ANGLES[columns]) - 1)
    row = np.clip((np.arange(len(HEIGHTS)) - rows.start) / rows.step, 0, len(HEIGHTS[rows]) - 1)
    x, y = np.meshgrid(column.astype(np.float32), row.astype(np.float32))
    return x, y


def _normals(points: Array) -> Array:
    du, dv = np.empty_like(points), np.empty_like(points)
    du[:, 1:-1], dv[1:-1] = points[:, 2:] - points[:, :-2], points[2:] - points[:-2]
    du[:, 0], du[:, -1] = du[:, 1], du[:, -2]
    dv[0], dv[-1] = dv[1], dv[-2]
    normals = np.stack(
        [
            dv[..., 1] * du[..., 2] - dv[..., 2] * du[..., 1],
            dv[..., 2] * du[..., 0] - dv[..., 0] * du[..., 2],
            dv[..., 0] * du[..., 1] - dv[..., 1] * du[..., 0],
        ],
        axis=-1,
    )
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6), np.float32)


def measure_light(image: Picture, sheet: FaceSheet) -> Light:
    """Estimate the light from the bare skin of the face: first-order spherical harmonics, and what they leave over.

    Ramamoorthi & Hanrahan (SIGGRAPH 2001) show that light on matt surfaces is nearly of low order in the normal;
    one order, fitted robustly, cannot be led astray by a beard.
    """
    points = sheet.points[_NODES]
    normals = _normals(points)
    seen, inside = _read(image, points, sheet.scale)
    luma = seen @ _LUMA
    weight = _skin_weights() * inside * np.clip(-normals[..., 2] * 3 - 0.3, 0, 1)
    if float(weight.sum()) < 3:
        return Light(np.array([1, 0, 0, 0], np.float32), np.ones(sheet.points.shape[:2], np.float32),
                     np.full(3, 0.6, np.float32), 0.2, 1.0)  # fmt: skip
    mean, shading, residual, trust = _fit(luma, normals, weight)
    spread = np.asarray(cv2.remap(residual, *_whole_sheet(), cv2.INTER_LINEAR), dtype=np.float32)
    skin = np.einsum("ij,ijk->k", trust, seen) / trust.sum()
    white, colour = _white(image, sheet, skin, mean)
    return Light(shading, spread, white, float(skin @ _LUMA), colour)


def _read(image: Picture, points: Array, scale: float) -> tuple[Array, Array]:
    """(linear RGB [rows, columns, 3] of the photo, averaged over some skin, and 1 where inside of it)."""
    height, width = image.shape[:2]
    left, top = (max(int(v), 0) for v in points[..., :2].min(axis=(0, 1)))
    right, bottom = (int(v) + 2 for v in points[..., :2].max(axis=(0, 1)))
    part = image[top : min(bottom, height), left : min(right, width)]
    shape = points.shape[:2]
    if part.shape[0] < 2 or part.shape[1] < 2:
        return np.full((*shape, 3), 0.2, np.float32), np.zeros(shape, np.float32)
    # By whole blocks of pixels, which is several times as fast as by any other factor.
    block = max(min(int(scale / 14), *part.shape[:2]), 1)
    rows, columns = part.shape[0] // block, part.shape[1] // block
    small = cv2.resize(part[: rows * block, : columns * block], (columns, rows), interpolation=cv2.INTER_AREA)
    x = np.ascontiguousarray((points[..., 0] - left + 0.5) / block - 0.5)
    y = np.ascontiguousarray((points[..., 1] - top + 0.5) / block - 0.5)
    read = cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32) / 255
    inside = (points[..., 0] > 0) & (points[..., 1] > 0)
    inside &= (points[..., 0] < width - 1) & (points[..., 1] < height - 1)
    return read * read, inside.astype(np.float32)


def _fit(luma: Array, normals: Array, weight: Array) -> tuple[float, Array, Array, Array]:
    """(mean luma, shading [4], what is left as a smooth factor, the weights that were believed)."""
    w, y = weight.ravel().astype(np.float64), luma.ravel().astype(np.float64)
    design = np.column_stack([np.ones(len(y)), normals.reshape(-1, 3)]).astype(np.float64)
    mean = float(np.average(y, weights=w))
    y = y / max(mean, 1e-4)
    believed = w
    # A little pull towards even light keeps a half-hidden face from getting a wild fit.
    ridge = np.diag([0.0, 1.0, 1.0, 2.0]) * 0.04 * w.sum()
    for _ in range(3):
        weighted = design * believed[:, None]
        solved = np.linalg.solve(weighted.T @ design + ridge + 1e-9 * np.eye(4), weighted.T @ y)
        off = y - design @ solved
        believed = w / (1 + (off / np.where(off < 0, 0.14, 0.22)) ** 2)  # dark outliers are hair and beard
    shading = solved.astype(np.float32)
    fitted = np.maximum(design @ solved, 0.15)
    ratio = np.clip(y / fitted, 0.5, 1.6).reshape(luma.shape).astype(np.float32)
    trust = believed.reshape(luma.shape).astype(np.float32)
    top = cv2.GaussianBlur(trust * (ratio - 1), (0, 0), 1.25)
    bottom = cv2.GaussianBlur(trust, (0, 0), 1.25)
    residual = 1 + 0.8 * top / (bottom + 0.12)
    return mean, shading, np.asarray(residual, np.float32), trust


def _white(image: Picture, sheet: FaceSheet, skin: Array, mean: float) -> tuple[Array, float]:
    """(linear RGB of a white sheet in this light, how colourful the photo is).

    How bright skin is tells the light only within a factor of five, so the whites of the eyes and the brightest parts
    of the picture have their say too.
    """
    height, width = image.shape[:2]
    step = max(min(height, width) // 48, 1)
    few = image[::step, ::step].reshape(-1, 3).astype(np.float32)
    brightest = _high(few @ _LUMA, 0.97)
    eyes = sheet.at(*_eye_places())
    x, y = eyes[..., 0].round().astype(int), eyes[..., 1].round().astype(int)
    keep = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    eye = _high(image[y[keep], x[keep]].astype(np.float32) @ _LUMA, 0.9) / 0.55
    luma = max(float(skin @ _LUMA), 0.004)
    by_skin = luma / _SKIN_REFLECTANCE
    level = float(
        np.exp(0.5 * np.log(by_skin) + 0.25 * np.log(max(eye, 0.01)) + 0.25 * np.log(max(brightest, 0.01)))
    )
    level = float(np.clip(level, luma / 0.62, luma / 0.12))
    # Grey photos and faded ones have grey and faded masks.
    spread = float(np.log(max(float(skin[0]), 1e-4) / max(float(skin[2]), 1e-4)))
    grey = float(np.abs(few[:, 0] - few[:, 1]).mean() + np.abs(few[:, 1] - few[:, 2]).mean()) < 5.0
    colour = 0.0 if grey else float(np.clip(spread / 0.5, 0.25, 1.0))
    cast = np.clip(np.log(np.maximum(skin, 1e-4) / luma / _SKIN), -0.5, 0.5)
    cast -= float(cast @ _LUMA)
    tint = np.exp(0.18 * cast) if not grey else np.ones(3)
    return np.asarray(tint * level * mean / max(luma, 1e-4), dtype=np.float32), colour


@cache
def _eye_places() -> tuple[Array, Array]:
    """Angles and heights between the lids of both eyes."""
    side = np.linspace(13, 44, 9)
    angle, height = np.meshgrid(np.concatenate([-side, side]), np.linspace(0.0, 0.11, 4))
    return angle.astype(np.float32), height.astype(np.float32)


def _high(levels: Array, share: float) -> float:
    """The linear value that ``share`` of these levels lie under; a middling one where there are none."""
    if levels.size == 0:
        return 0.25
    rank = min(int(levels.size * share), levels.size - 1)
    return float(np.partition(levels.ravel(), rank)[rank] / 255) ** 2


def measure_grain(image: Picture, mesh: NDArray[np.float64]) -> tuple[float, float]:
    """(blur, noise): the deviation of the lens's Gaussian in pixels, and that of the noise in levels.

    Blur: at an edge, the gradient falls to σ / √(σ² + 1) when blurred by one pixel more (Zhuo & Sim, Pattern
    Recognition 44, 2011), read at the strongest edges around the eyes. Noise: Immerkær (CVIU 64(2), 1996), with a
    median, so that edges do not count.
    """
    height, width = image.shape[:2]
    eyes = mesh[[70, 300, 168, 6, 33, 263, 105, 334, 117, 346], :2]
    left, top = np.maximum(np.floor(eyes.min(axis=0)), 0).astype(int).tolist()
    right, bottom = (np.ceil(eyes.max(axis=0)).astype(int) + 1).tolist()
    part = image[top : min(bottom, height), left : min(right, width)]
    if part.shape[0] < 6 or part.shape[1] < 6:
        return 0.8, 1.0
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    strong, weak = _gradient(grey), _gradient(np.asarray(soft, np.float32))
    rank = int(strong.size * 0.95)
    edges = strong >= np.partition(strong.ravel(), rank)[rank]
    ratio = float(np.median(strong[edges] / np.maximum(weak[edges], 1e-3)))
    blur = float(np.clip(1 / np.sqrt(max(ratio * ratio - 1, 1e-3)), 0.35, 4.0))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    noise = float(np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel)[::2, ::2]))) / 0.6745 / 6
    # Lashes and sharpened skin pass for noise, so not all of it is believed.
    return blur, min(0.6 * noise, 4.0)


def _gradient(grey: Array) -> Array:
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.ascontiguousarray(cv2.magnitude(dx, dy)[1:-1:2, 1:-1:2], np.float32)


_AROUND = np.array([[x, y] for x in (-1, 0, 1) for y in (-1, 0, 1)], np.float32)


def luma_around(image: Picture, points: Array, reach: float) -> Array:
    """Linear luma [N] of the photo, averaged over nine places within ``reach`` pixels of ``points`` [N, 2]."""
    around = points[:, None] + np.float32(reach) * _AROUND
    x = np.clip(around[..., 0].astype(np.int32), 0, image.shape[1] - 1)
    y = np.clip(around[..., 1].astype(np.int32), 0, image.shape[0] - 1)
    luma = (image[y, x].astype(np.float32) @ _LUMA).sum(axis=1) / (255 * len(_AROUND))
    return np.asarray(luma * luma, dtype=np.float32)
