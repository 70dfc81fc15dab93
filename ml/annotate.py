"""Drawing what was found into a frame: boxes, keypoints and what the vote says, so that it can be read at any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ml.geometry import Box, Points
from ml.pictures import Picture

#: The default smileys' glyphs by their names; a site gives its own.
GLYPHS = {
    "smile": ":)",
    "grin": ":D",
    "squint-laugh": "XD",
    "frown": ":(",
    "tear": ":'(",
    "wink": ";)",
    "tongue": ":P",
    "open-mouth": ":O",
    "wide-eyed": "O_O",
    "gasp": "D:",
    "straight-face": ":|",
    "flat-eyes": "-_-",
    "skew-mouth": ":/",
    "scowl": ">:(",
    "scrunch": ">_<",
    "kiss": ":*",
    "sealed": ":X",
}

_ACCENT = (250, 187, 64)  # marigold
_DARK = (26, 28, 44)
_LIGHT = (250, 249, 244)
_TROUGH = (88, 90, 108)  # of the bar, where it is not filled
#: OpenCV draws at fractions of a pixel when told how many of the bits are behind the point.
_SHIFT = 4


@dataclass(frozen=True)
class Annotation:
    """What is drawn of one face.

    Attributes:
        box: in pixels of the frame.
        keypoints: float64 [N, 2] in pixels of the frame.
        visible: [N], false for points that are not drawn.
        smiley: the winner's name; empty without a model.
        share: its share of the vote, 0 to 1.
    """

    box: Box
    keypoints: Points
    visible: Sequence[bool]
    smiley: str = ""
    share: float = 0.0


def draw(image: Picture, faces: Sequence[Annotation], glyphs: Mapping[str, str] = GLYPHS) -> Picture:
    """A copy of a frame with its faces marked.

    Lines and text take their size from the frame, and points from their face, within bounds of the frame's; each
    bright line lies on a darker one, so that both light and dark pictures show it.

    Args:
        image: RGB uint8 [H, W, 3].
        faces: drawn in order.
        glyphs: name of a smiley → its glyph; one without is shown by its name alone.
    """
    canvas = image.copy()
    height, width = image.shape[:2]
    unit = max(min(height, width), 120) / 360  # about what a pixel is in a picture of 360 lines
    for face in faces:
        _box(canvas, face.box, unit)
        _points(canvas, face, unit)
    taken: list[Box] = []
    for face in faces:
        if face.smiley:
            label = _label(
                glyphs.get(face.smiley, ""), face.smiley, round(face.share * 100), round(14 * unit)
            )
            place = _place(face.box, label.shape[1], label.shape[0], width, height, unit, taken)
            taken.append(place)
            _paste(canvas, label, round(place.x), round(place.y))
    return canvas


def _box(canvas: Picture, box: Box, unit: float) -> None:
    """A thin frame with strong corners, which leaves the face itself alone."""
    # A box counts from pixels' edges, drawing from their middles.
    x0, y0, x1, y1 = box.x - 0.5, box.y - 0.5, box.right - 0.5, box.bottom - 0.5
    arm = 0.18 * box.long_side
    corners = [
        [(x0, y0 + arm), (x0, y0), (x0 + arm, y0)],
        [(x1 - arm, y0), (x1, y0), (x1, y0 + arm)],
        [(x1, y1 - arm), (x1, y1), (x1 - arm, y1)],
        [(x0 + arm, y1), (x0, y1), (x0, y1 - arm)],
    ]
    around = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]]
    for lines, thick in ((around, 1.0 * unit), (corners, 2.4 * unit)):
        for colour, more in ((_DARK, 1.6 * unit), (_ACCENT, 0.0)):
            _lines(canvas, lines, colour, thick + more)


def _lines(
    canvas: Picture, lines: list[list[tuple[float, float]]], colour: tuple[int, int, int], thickness: float
) -> None:
    # A face may reach far out of the frame: what cannot be seen need not fit OpenCV's numbers.
    points = [np.clip(np.array(line), -1e4, 2e4) for line in lines]
    fixed = [np.round(line * (1 << _SHIFT)).astype(np.int32) for line in points]
    cv2.polylines(canvas, fixed, False, colour, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def _points(canvas: Picture, face: Annotation, unit: float) -> None:
    radius = min(max(face.box.long_side / 65, 1.7), 3.0 * max(unit, 1.0))
    rim = max(0.8, 0.45 * radius)
    for (x, y), seen in zip(face.keypoints.tolist(), face.visible, strict=True):
        if seen and abs(x) < 2e4 and abs(y) < 2e4:
            center = round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT))
            for size, colour in ((radius + rim, _DARK), (radius, _LIGHT)):
                cv2.circle(canvas, center, round(size * (1 << _SHIFT)), colour, -1, cv2.LINE_AA, _SHIFT)


def _place(
    box: Box, width: int, height: int, frame_width: int, frame_height: int, unit: float, taken: list[Box]
) -> Box:
    """Where a label goes: over its face, under it, or at the frame's border, and on no other label."""
    gap = 5 * unit
    x = min(max(box.center[0] - width / 2, gap), max(frame_width - width - gap, 0))
    over, under = box.y - height - gap, box.bottom + gap
    last = max(frame_height - height - gap, 0)
    # Pushed back into the frame where neither fits, as with a face that fills it.
    ways = [y for y in (over, under) if gap <= y <= last] + [min(max(under, gap), last), gap]
    places = [Box(x, y, width, height) for y in ways]
    free = [place for place in places if all(place.intersection(other) == 0 for other in taken)]
    return (free or places)[0]


def _paste(canvas: Picture, label: NDArray[np.uint8], left: int, top: int) -> None:
    """Lay a label RGBA [h, w, 4] over the canvas; what reaches over the border is cut off."""
    height, width = canvas.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + label.shape[1], width), min(top + label.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = label[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
    alpha = part[..., 3:] / 255
    under = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = np.round(under * (1 - alpha) + part[..., :3] * alpha).astype(np.uint8)


@lru_cache(maxsize=512)
def _label(glyph: str, name: str, percent: int, size: int) -> NDArray[np.uint8]:
    """The plate with a smiley's glyph, its name, its share and a bar: RGBA uint8 [h, w, 4].

    Kept, because a face shows the same few for many frames.
    """
    size = max(size, 9)
    # Drawn at four times the size, so that the rounded corners are smooth.
    fine = 4
    big, small = _font(round(size * 1.25 * fine), bold=True), _font(size * fine, bold=False)
    pad, gap = round(0.55 * size * fine), round(0.45 * size * fine)
    share = f"{percent} %"
    words = [
        (text, font, colour)
        for text, font, colour in ((glyph, big, _ACCENT), (name, small, _LIGHT), (share, small, _LIGHT))
        if text
    ]
    # The share takes the room of the widest one, so that the plate does not twitch with every frame.
    widths = [
        max(font.getlength(text), small.getlength("100 %") if text is share else 0) for text, font, _ in words
    ]
    width = round(sum(widths) + gap * (len(words) - 1)) + 2 * pad
    bar = max(round(0.16 * size * fine), fine)
    height = round(2.0 * size * fine) + bar
    plate = Image.new("RGBA", (width, height), (*_DARK, 0))
    pen = ImageDraw.Draw(plate)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), radius=0.5 * size * fine, fill=(*_DARK, 225))
    x = float(pad)
    baseline = round(1.42 * size * fine)
    for (text, font, colour), room in zip(words, widths, strict=True):
        at = x + (room - font.getlength(text) if text is share else 0)
        pen.text((at, baseline), text, font=font, fill=(*colour, 255), anchor="ls")
        x += room + gap
    y = height - bar - round(0.3 * size * fine)
    pen.rounded_rectangle((pad, y, width - pad, y + bar), radius=bar / 2, fill=(*_TROUGH, 225))
    filled = pad + (width - 2 * pad) * min(max(percent, 0), 100) / 100
    if filled > pad + bar:
        pen.rounded_rectangle((pad, y, filled, y + bar), radius=bar / 2, fill=(*_ACCENT, 255))
    label = np.asarray(plate.resize((width // fine, height // fine), Image.Resampling.BOX), dtype=np.uint8)
    label.setflags(write=False)
    return label


@cache
def _font(size: int, *, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans where it lies beside the plotting library (any script's class names), else Pillow's own."""
    found = find_spec("matplotlib")
    if found and found.origin:
        fonts = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        file = fonts / ("DejaVuSansMono-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)
