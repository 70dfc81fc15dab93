"""Mask and straps as they look in the light of the photo: colour, folds, gloss, outline.

Pictures are handled as separate planes, which NumPy works through twice as fast as through interleaved colours.
Colour planes hold linear light times opacity ("premultiplied"), so that blurring them cannot make fringes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.masks.cuts import COLUMNS
from ml.masks.fit import Fitted, margin, topology
from ml.masks.light import Light, luma_around
from ml.masks.raster import draw
from ml.masks.straps import UNDER_MASK, Ribbon
from ml.masks.styles import Colour, MaskStyle
from ml.masks.surface import sample
from ml.masks.templates import LEVELS, SLOPE_UNIT, Template, template
from ml.pictures import Picture

Array = NDArray[np.floating[Any]]

#: A mask of one body is drawn on a grid of pixels about this wide and its coordinates enlarged: they are smooth.
_DRAWN_SIDE = 110
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: Of a window: how opaque its plastic is, and how much light it throws back where it is seen straight and aslant.
_TINT, _STRAIGHT, _ASLANT = 0.10, 0.50, 0.55


@dataclass(frozen=True)
class Layer:
    """What is laid over a part of the photo.

    Attributes:
        colours: float32 [3, H, W], linear RGB times opacity.
        alpha: float32 [H, W], opacity 0 to 1.
    """

    colours: Array
    alpha: Array


def empty_layer(height: int, width: int) -> Layer:
    """Nothing at all, of this size."""
    return Layer(np.zeros((3, height, width), np.float32), np.zeros((height, width), np.float32))


def _dye(colour: Colour, light: Light) -> Array:
    """A colour under the photo's light, linear RGB [3]; in a grey photo it is grey."""
    rgb = (np.array(colour, dtype=np.float32) / 255) ** 2
    grey = rgb @ _LUMA
    return np.asarray((grey + (rgb - grey) * light.colour) * light.white, dtype=np.float32)


def _shoulder(values: Array) -> Array:
    """Bright values bend towards white as film and cameras do, instead of being cut off. In place."""
    knee = np.float32(0.62)
    room = 1 - knee
    over = np.maximum(values - knee, 0)
    np.minimum(values, knee, out=values)
    values += over * room / (over + room)
    return values


def paint_mask(
    layer: Layer, fitted: Fitted, style: MaskStyle, light: Light, corner: tuple[int, int], scale: float
) -> Layer | None:
    """Lay the mask over ``layer``, whose first pixel is ``corner`` (x, y) of the photo.

    Returns its window as a layer of its own, if it has one: it throws no shadow.
    """
    height, width = layer.alpha.shape
    low = np.floor(fitted.vertices[:, :2].min(axis=0)).astype(int) - corner
    high = np.ceil(fitted.vertices[:, :2].max(axis=0)).astype(int) + 1 - corner
    left, top = np.maximum(low, 0).tolist()
    right, bottom = np.minimum(high, (width, height)).tolist()
    if right - left < 2 or bottom - top < 2:
        return None
    height, width = bottom - top, right - left
    atlas = _lit(fitted, light)
    column, row, covered, lit = _seen(
        fitted, style.family, atlas, (corner[0] + left, corner[1] + top), height, width
    )
    textures = template(style.family, style.pattern, style.valve, style.variant)
    relief, blend, *window = _textures(textures, column, row, scale)

    # Edges are drawn where the distance to the outline crosses zero, one pixel wide at any size.
    distance = blend[2] - np.float32(128)
    slope = cv2.magnitude(cv2.Sobel(distance, cv2.CV_32F, 1, 0, scale=0.125),
                          cv2.Sobel(distance, cv2.CV_32F, 0, 1, scale=0.125))  # fmt: skip
    reach = np.asarray(distance / np.clip(slope, 4.0, 60.0), np.float32)
    alpha = np.asarray(np.clip(reach + 0.5, 0, 1) * covered, np.float32)

    bright, slope_u, slope_v, shine, aslant = lit
    pane = _pane(window[0], covered * (1 - alpha), bright, shine, aslant, light.white) if window else None
    slope_u *= relief[1] - np.float32(128)
    slope_v *= relief[2] - np.float32(128)
    slope_u += slope_v
    folded = np.maximum(bright - slope_u * np.float32(SLOPE_UNIT / 127), np.float32(0.25) * bright)
    cavity = relief[0] + blend[3]
    cavity *= np.float32(1 / 127)
    cavity += np.float32(1 - 256 / 127)
    folded *= np.maximum(cavity, np.float32(0.15))
    folded *= alpha
    shine *= relief[3]
    # Gloss dies in cavities twice as fast.
    shine *= np.asarray(np.maximum(2 * cavity - 1, 0) * (1 / 255), np.float32)
    shine *= alpha
    inside = (slice(top, bottom), slice(left, right))
    clear = np.asarray(1 - alpha, np.float32)
    second, third = blend[0] * np.float32(1 / 255), blend[1] * np.float32(1 / 255)
    dyes = np.stack(
        [_dye(colour, light) for colour in (style.base, style.second, style.third)], axis=1
    ).tolist()
    white = light.white.tolist()
    for k in range(3):
        base, other, trim = dyes[k]
        plane = second * (other - base)
        plane += base
        if textures.trimmed:
            plane += third * (trim - plane)
        plane *= folded
        plane += shine * white[k]
        # The shoulder bends light, not light times opacity; at the thin edge the difference is not seen.
        target = layer.colours[k][inside]
        target *= clear
        target += np.asarray(_shoulder(plane), np.float32)
    layer.alpha[inside] *= clear
    layer.alpha[inside] += alpha
    if pane is None:
        return None
    glass = empty_layer(*layer.alpha.shape)
    glass.colours[:, top:bottom, left:right], glass.alpha[inside] = pane.colours, pane.alpha
    return glass


def _pane(
    window: list[Array], free: Array, bright: Array, shine: Array, aslant: Array, white: Array
) -> Layer:
    """Clear plastic where it is ``free`` of rubber: a grey tint under what it throws back."""
    glass, reflection = (values * np.float32(1 / 255) for values in window)
    thrown = reflection * (0.6 + 0.4 * bright + shine) * _STRAIGHT + glass * aslant * _ASLANT
    thrown = np.minimum(thrown, np.float32(0.75)) * free
    tint = glass * free * np.float32(_TINT) * (1 - thrown)
    light = thrown * np.float32(0.85) + tint * np.float32(0.10)
    return Layer(np.stack([light * level for level in white.tolist()]), np.asarray(thrown + tint, np.float32))


def _seen(
    fitted: Fitted, family: str, lit: Array, corner: tuple[int, int], height: int, width: int
) -> tuple[Array, Array, Array, list[Array]]:
    """(column, row of the atlas, share covered, the planes of ``lit``) at each pixel of a window of the photo."""
    bodies, atlas = topology(family, len(fitted.occluder) > 0)
    every = np.concatenate([fitted.vertices, fitted.occluder]) if len(fitted.occluder) else fitted.vertices
    vertices = every - np.array([*corner, 0], np.float32)
    coarse = math.ceil(max(height, width) / _DRAWN_SIDE)
    first_body = _one_body(
        vertices, atlas, bodies[0], lit, coarse, height, width, deep=len(bodies) > 1, beneath=margin()
    )
    column, row, depth, covered, planes = first_body
    for triangles in bodies[1:]:
        # Drawn in a window of its own, and put in where it is nearer: coordinates are never mixed between bodies.
        first, last = int(triangles.min()), int(triangles.max()) + 1
        low = (
            np.floor(vertices[first:last, :2].min(axis=0)).astype(int) - 2
        )  # room for its edge to be smoothed
        high = np.ceil(vertices[first:last, :2].max(axis=0)).astype(int) + 3
        (x, y), (right, bottom) = np.maximum(low, 0).tolist(), np.minimum(high, (width, height)).tolist()
        if right - x < 2 or bottom - y < 2:
            continue
        own = vertices[first:last] - np.array([x, y, 0], np.float32)
        # A can closes on itself, so its coordinates jump, too; it is small enough to be drawn as it is.
        drawn = _one_body(own, atlas[first:last], triangles - first, lit, 1, bottom - y, right - x)
        here = np.s_[y:bottom, x:right]
        before = (drawn[3] > 0.5) & (drawn[2] < depth[here])
        nearer = before | (covered[here] < np.minimum(drawn[3], 0.5))
        for values, new in zip((column, row, *planes), (drawn[0], drawn[1], *drawn[4]), strict=True):
            np.copyto(values[here], new, where=nearer)
        if first < len(fitted.vertices):
            np.maximum(covered[here], drawn[3], out=covered[here], where=nearer)
        else:
            np.copyto(covered[here], 1 - drawn[3], where=nearer)  # what hides the mask is the photo itself
    return column, row, covered, planes


def _one_body(
    vertices: Array,
    atlas: Array,
    triangles: NDArray[np.int32],
    lit: Array,
    coarse: int,
    height: int,
    width: int,
    *,
    deep: bool = True,
    beneath: NDArray[np.bool_] | None = None,
) -> tuple[Array, Array, Array, Array, list[Array]]:
    """(column, row, depth, share covered, planes of ``lit``), drawn on every ``coarse``-th pixel and enlarged."""
    if coarse > 1:
        half = np.array([0.5, 0.5, 0], np.float32)
        vertices = (vertices + half) / coarse - half
    size = math.ceil(height / coarse), math.ceil(width / coarse)
    seen = draw(vertices, atlas, triangles, *size, deep=deep, beneath=beneath)
    maps = [seen.column, seen.row, *([seen.depth] if deep else [])]
    covered = np.isfinite(seen.depth).astype(np.float32)
    if covered.any():
        # What is not covered gets the coordinates of the nearest that is, so that nothing strange is mixed in.
        bare = (covered == 0).astype(np.uint8)
        _, label = cv2.distanceTransformWithLabels(bare, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
        nearest = np.concatenate([[0], np.flatnonzero(bare == 0)])[label]
        maps = [values.ravel().take(nearest) for values in maps]
        # Else it shows its steps.
        covered = np.asarray(cv2.GaussianBlur(covered, (5, 5), 1.0), np.float32)
    read = cv2.remap(lit, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    every = [*maps, covered, *(np.asarray(plane, np.float32) for plane in cv2.split(read))]
    if coarse > 1:
        whole = (size[1] * coarse, size[0] * coarse)
        every = [
            np.asarray(cv2.resize(values, whole, interpolation=cv2.INTER_LINEAR)[:height, :width], np.float32)
            for values in every
        ]
    every[len(maps)] = np.clip((every[len(maps)] - 0.5) * (1.8 * coarse) + 0.5, 0, 1)
    column, row, *rest = every
    depth, covered, *planes = rest if deep else [column, *rest]
    return column, row, depth, covered, planes


def _textures(textures: Template, column: Array, row: Array, scale: float) -> list[list[Array]]:
    """Relief, blend and, if there is one, the window as planes, from the level whose texels are about as large as
    the pixels."""
    pixels = scale * 2 / (COLUMNS - 1)  # from one vertex to the next, facing the camera
    level = next((i for i in range(len(LEVELS) - 1, -1, -1) if LEVELS[i] >= pixels * 0.9), 0)
    # A vertex lies in the middle of its row of texels.
    size = np.float32(LEVELS[level])
    shift = np.float32((LEVELS[level] - 1) / 2)
    fixed = cv2.convertMaps(column * size + shift, row * size + shift, cv2.CV_16SC2)
    found = []
    for layers in (textures.relief, textures.blend, *([textures.window] if textures.window else [])):
        read = cv2.remap(layers[level], *fixed, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found.append([plane.astype(np.float32) for plane in cv2.split(read)])
    return found


def _lit(fitted: Fitted, light: Light) -> Array:
    """At each vertex, as an atlas float32 [rows, COLUMNS, 5]: brightness, how slopes along u and v change it, gloss,
    and how aslant it is seen (Schlick's approximation of Fresnel's law)."""
    normals = fitted.normals
    bright = light.on(normals)
    spread = sample(light.spread, *fitted.places).ravel()
    bright[: len(spread)] *= spread
    toward = light.toward * np.float32(1.5)
    half = toward / max(float(np.linalg.norm(toward)), 1e-6) + np.array([0, 0, -1], np.float32)
    half /= max(float(np.linalg.norm(half)), 1e-6)
    facing = np.maximum(normals @ half, 0)
    fourth = np.square(np.square(facing))
    shine = np.power(fourth, 6) * 0.40 + fourth * facing * 0.08
    aslant = np.clip(1 + normals[:, 2], 0, 1) ** 3
    lit = np.stack([bright, fitted.along_u @ toward, fitted.along_v @ toward, shine, aslant], axis=1)
    return np.ascontiguousarray(lit.reshape(-1, COLUMNS, 5), dtype=np.float32)


def paint_straps(
    layer: Layer, ribbons: tuple[Ribbon, ...], style: MaskStyle, light: Light, corner: tuple[int, int], part: Picture,
    scale: float,
) -> None:  # fmt: skip
    """Lay the straps over ``layer``; ``part`` is the photo under it. Where hair begins they are under the hair."""
    if not ribbons:
        return
    height, width = layer.alpha.shape
    moved = np.array(corner, np.float32)
    upper, lower, normals = (
        np.concatenate(parts) for parts in zip(*((r.upper, r.lower, r.normals) for r in ribbons), strict=True)
    )
    bright = light.on(normals)
    dark = luma_around(part, (upper + lower) / 2 - moved, max(0.03 * scale, 1.0)) < 0.30 * light.skin * bright
    dye, zoom = _dye(style.strap, light), 3
    # The straps of one side lie beside each other in the same light: they are painted in one go.
    outlines: dict[bool, list[Array]] = {False: [], True: []}
    shades: dict[bool, list[float]] = {False: [], True: []}
    first = 0
    for ribbon in ribbons:
        last = first + len(ribbon.upper)
        hair = dark[first:last]
        hair[:UNDER_MASK] = False
        end = int(hair.argmax()) if hair.any() else len(hair)
        side = bool(normals[first, 0] > normals[last - 1, 0])
        outlines[side].append(np.concatenate([ribbon.upper[:end], ribbon.lower[:end][::-1]]) - moved)
        shades[side].append(float(bright[first : first + end].mean()))
        first = last
    for side, shapes in outlines.items():
        if not shapes:
            continue
        every = np.concatenate(shapes)
        left, top = (max(math.floor(v) - 2, 0) for v in every.min(axis=0).tolist())
        right, bottom = (
            min(math.ceil(v) + 3, end)
            for v, end in zip(every.max(axis=0).tolist(), (width, height), strict=True)
        )
        if right <= left or bottom <= top:
            continue
        large = np.zeros(((bottom - top) * zoom, (right - left) * zoom), np.uint8)
        for shape in shapes:
            at = ((shape - (left - 0.5, top - 0.5)) * zoom - 0.5) * 16
            cv2.fillPoly(large, [np.round(at).astype(np.int32)], 255, lineType=cv2.LINE_8, shift=4)
        cover = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA) * np.float32(
            1 / 255
        )
        rgb = _shoulder(dye * np.float32(0.92 * sum(shades[side]) / len(shades[side])))
        inside = np.s_[top:bottom, left:right]
        clear = 1 - cover
        for plane, colour in zip((*layer.colours, layer.alpha), (*rgb.tolist(), 1.0), strict=True):
            plane[inside] *= clear
            plane[inside] += cover * np.float32(colour)
