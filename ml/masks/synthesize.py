"""A photo of a face in, the same photo with a mask on the face out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.landmarks import KEYPOINT_NAMES, keypoints_from_mesh
from ml.masks.fit import BELOW_NOSE, Fitted, Wearing, draw_wearing, face_outline, fit
from ml.masks.light import Light, measure_grain, measure_light
from ml.masks.paint import Layer, empty_layer, paint_mask, paint_straps
from ml.masks.styles import MaskStyle
from ml.masks.surface import DegenerateMeshError, face_sheet
from ml.pictures import Picture

Array = NDArray[np.floating[Any]]

__all__ = ["DegenerateMeshError", "MaskedPicture", "NoRoomError", "synthesize"]

#: Under this opacity nothing is changed.
_LEAST_ALPHA = 2 / 255
#: The keypoints of each eye.
_EYES = tuple(
    [i for i, name in enumerate(KEYPOINT_NAMES) if name.startswith(f"{side}_eye_")]
    for side in ("left", "right")
)
_NOSE_TIP = KEYPOINT_NAMES.index("nose_tip")
#: How far around the eyes' keypoints (and a bare nose's tip) nothing may change, in eye distances.
_KEPT_FREE = 0.05


class NoRoomError(ValueError):
    """The place of the mask lies outside of the picture."""


@dataclass(frozen=True)
class MaskedPicture:
    """A face with a mask on it.

    Attributes:
        image: RGB uint8 [H, W, 3].
        alpha: uint8 [H, W], how far each pixel was changed: 255 under the mask, little in its shadow on the skin,
            and 0 where the picture is what it was, to the bit.
        style: what was drawn.
        parameters: how it was worn and what was measured, as JSON carries it.
    """

    image: Picture
    alpha: Picture
    style: MaskStyle
    parameters: dict[str, Any]


def synthesize(
    image: Picture,
    mesh: ArrayLike,
    style: MaskStyle,
    rng: np.random.Generator,
    *,
    wearing: Wearing | None = None,
) -> MaskedPicture:
    """Draw a mask on a face.

    Args:
        image: RGB uint8 [H, W, 3], any size.
        mesh: the face's points [468, 3] in pixels of that picture, as ``ml.faces.mesh`` gives them.
        style: from ``ml.masks.styles``.
        rng: decides how it is worn and where the noise falls; the same state, the same picture, byte for byte.
        wearing: worn this way instead of drawn from the style's shares.

    Raises:
        DegenerateMeshError: the mesh is no face.
        NoRoomError: no part of the mask would lie in the picture.
        ValueError: the picture is not RGB uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"An RGB uint8 array [H, W, 3] is needed, not {image.dtype} {list(image.shape)}.")
    sheet = face_sheet(mesh)
    points = np.asarray(mesh, dtype=np.float64)
    drawn = draw_wearing(style, rng)
    wearing = wearing or drawn
    grain_at = rng.integers(0, 256, 2)
    keypoints = keypoints_from_mesh(points)
    fitted = fit(sheet, style, wearing, np.asarray(keypoints[_EYES[0] + _EYES[1]], np.float32))
    left, top, right, bottom = _region(fitted, sheet.scale, image.shape[1], image.shape[0])
    part = np.ascontiguousarray(image[top:bottom, left:right])
    light = measure_light(image, sheet)
    blur, noise = measure_grain(image, points)

    layer = empty_layer(*part.shape[:2])
    paint_straps(layer, fitted.ribbons, style, light, (left, top), part, sheet.scale)
    window = paint_mask(layer, fitted, style, light, (left, top), sheet.scale)
    layer = _blurred(layer, max(blur * 0.85, 0.6))
    shade = _shadow(layer.alpha, points - [left, top, 0], light, sheet.scale)
    if window is not None:
        layer, shade = _behind(layer, window), shade * (1 - window.alpha)
    for kept in (*_EYES, [_NOSE_TIP]) if wearing.how == BELOW_NOSE else _EYES:
        _keep_free(layer, shade, keypoints[kept] - [left, top], sheet.scale)
    out, effect = _compose(part, layer, shade, noise, grain_at)

    result = image.copy()
    result[top:bottom, left:right] = out
    alpha = np.zeros(image.shape[:2], np.uint8)
    alpha[top:bottom, left:right] = effect
    parameters = {
        "style": style.as_dict(),
        "wearing": wearing.as_dict(),
        "blur": round(blur, 3),
        "noise": round(noise, 3),
        "light": [round(value, 4) for value in light.shading.tolist()],
        "white": [round(value, 4) for value in light.white.tolist()],
    }
    return MaskedPicture(result, alpha, style, parameters)


def _region(fitted: Fitted, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what may change, in whole pixels of the picture."""
    every = np.concatenate(
        [fitted.vertices[:, :2], *(np.concatenate([r.upper, r.lower]) for r in fitted.ribbons)]
    )
    low, high = every.min(axis=0).tolist(), every.max(axis=0).tolist()
    room = math.ceil(0.12 * scale) + 3
    left, top = (max(math.floor(value) - room, 0) for value in low)
    right, bottom = min(math.ceil(high[0]) + room, width), min(math.ceil(high[1]) + room, height)
    if right - left < 2 or bottom - top < 2:
        raise NoRoomError("The mask's place on this face lies outside of the picture.")
    return left, top, right, bottom


def _blurred(layer: Layer, sigma: float) -> Layer:
    """As sharp as the lens draws the face."""
    side = 2 * math.ceil(2.4 * sigma) + 1
    planes = [cv2.GaussianBlur(plane, (side, side), sigma) for plane in (*layer.colours, layer.alpha)]
    return Layer(np.stack(planes[:3]), np.asarray(planes[3], np.float32))


def _behind(layer: Layer, window: Layer) -> Layer:
    """A mask with the window in it: what of it lies over the window is before it."""
    free = 1 - layer.alpha
    return Layer(layer.colours + window.colours * free, layer.alpha + window.alpha * free)


def _shadow(alpha: Array, points: NDArray[np.float64], light: Light, scale: float) -> Array:
    """How much darker the skin beside the mask is [H, W], 0 to 1: contact, and a little cast by the light."""
    height, width = alpha.shape
    # Soft things can be made small.
    factor = max(int(0.016 * scale / 0.8), 1)
    size = (-(-width // factor), -(-height // factor))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) if factor > 1 else alpha
    near = cv2.GaussianBlur(small, (0, 0), max(0.016 * scale, 0.6) / factor)
    wide = cv2.GaussianBlur(small, (0, 0), max(0.04 * scale, 0.8) / factor)
    # Light from one side throws the shadow to the other; from above, downwards.
    dx, dy = np.clip(-light.shading[1:3] * 0.05, -0.035, 0.035) * (scale / factor)
    dy += 0.018 * scale / factor
    wide = cv2.warpAffine(wide, np.array([[1, 0, dx], [0, 1, dy]], np.float32), size)
    face = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(face, face_outline(np.asarray(points / factor, np.float32)), 255)
    skin = cv2.blur(face, (2 * max(round(0.02 * scale / factor), 1) + 1,) * 2) * np.float32(1 / 255)
    shade = (0.38 * near + 0.30 * wide) * skin
    if factor > 1:
        shade = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(shade * (1 - alpha), dtype=np.float32)


def _keep_free(layer: Layer, shade: Array, kept: NDArray[np.float64], scale: float) -> None:
    """Take everything away around ``kept`` [N, 2]: one eye, or the tip of a nose that is bare. In place.

    The fit keeps masks away from there by itself; on faces turned far up or down this is what promises it.
    """
    height, width = layer.alpha.shape
    reach = max(_KEPT_FREE * scale, 1.5)
    low, high = (kept.min(axis=0) - 2 * reach).tolist(), (kept.max(axis=0) + 2 * reach).tolist()
    left, right = max(math.floor(low[0]), 0), min(math.ceil(high[0]) + 1, width)
    top, bottom = max(math.floor(low[1]), 0), min(math.ceil(high[1]) + 1, height)
    if right <= left or bottom <= top:
        return
    here = np.s_[top:bottom, left:right]
    if not (layer.alpha[here].any() or shade[here].any()):
        return
    across = (np.arange(left, right) - kept[:, 0, None])[:, None, :]
    down = (np.arange(top, bottom) - kept[:, 1, None])[:, :, None]
    away = np.sqrt((across * across + down * down).min(axis=0))
    keep = np.clip(away / reach - 1, 0, 1).astype(np.float32)
    for plane in (*layer.colours, layer.alpha, shade):
        plane[here] *= keep


@lru_cache(maxsize=4)
def _noise_sheet(rows: int, columns: int) -> Array:
    """Noise of deviation 1, a tile of 256×256 laid so many times beside itself."""
    tile = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
    soft = cv2.GaussianBlur(tile, (0, 0), 0.55, borderType=cv2.BORDER_REFLECT)
    return np.tile(np.asarray(soft / soft.std(), dtype=np.float32), (rows, columns))


def _grain(height: int, width: int, at: NDArray[np.int64]) -> Array:
    """Noise [H, W] of deviation 1, from a place of a fixed sheet of it."""
    row, column = at.tolist()
    sheet = _noise_sheet(height // 256 + 2, width // 256 + 2)
    return sheet[row : row + height, column : column + width]


def _compose(
    part: Picture, layer: Layer, shade: Array, noise: float, grain_at: NDArray[np.int64]
) -> tuple[Picture, Picture]:
    """(the part with the mask on it, how far each pixel was changed), both uint8."""
    effect = layer.alpha + shade
    changed = (effect >= _LEAST_ALPHA).astype(np.float32)
    effect *= changed
    alpha = layer.alpha * changed
    clear = 1 - effect
    grain = _grain(shade.shape[0], shade.shape[1], grain_at) * alpha
    grain *= np.float32(noise)
    # Half a level, so that cutting off the fraction rounds.
    grain += np.float32(0.5)
    planes = []
    for k, photo in enumerate(cv2.split(part)):
        # Colours are mixed as the display shows them: edges of light cloth on dark skin keep their width. With the
        # opacity a in the linear plane l·a, the display's value times opacity is √l·a = √(l·a·a).
        over = cv2.sqrt(np.maximum(layer.colours[k] * alpha, 0))
        over *= np.float32(255)
        over += photo * clear
        over += grain
        planes.append(np.clip(over, 0, 255).astype(np.uint8))
    published = np.ceil(effect * 255)
    return np.dstack(planes), np.clip(published, 0, 255).astype(np.uint8)
