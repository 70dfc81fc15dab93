"""The site's own character: one head, drawn in the expression of each smiley.

Nothing here touches the database, so that error pages can draw as well. The picture is a square of 100 units,
y grows downwards, and what is called left is the viewer's.

Colours are presentation attributes: the face is the same in both themes and when it is served on its own, and
the content security policy forbids inline styles.
"""

from dataclasses import dataclass
from html import escape
from math import cos, radians, sin

from collector.expressions import EXPRESSIONS, Expression

INK = "#171a24"
HAIR = "#b85c14"  # lighter than the ink, so that it is seen on dark paper too
SKIN = "#fbbb2d"
SHADE = "#e89719"
WHITE = "#fffdf6"
MOUTH = "#581b1f"
ROSE = "#f36069"
BLUSH = "#ee6a4a"
TEAR = "#4aa9e9"

CENTRE = 50.0
EYE_Y = 46.0
EYE_APART = 16.5
BROW_Y = 31.5
MOUTH_Y = 68.0

Point = tuple[float, float]
Path = list[str | Point]


def drawing(
    slug: str, *, glyph: str = "", title: str = "", size: int | None = None, css_class: str = ""
) -> str:
    """A whole `<svg>` element: the expression named `slug`, or the glyph on a card where none is drawn.

    Without a title it is decoration, and hidden from screen readers.
    """
    expression = EXPRESSIONS.get(slug)
    inside = _face(expression) if expression else _glyph_card(glyph or slug)
    name = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    label = f"<title>{escape(title)}</title>" if title else ""
    side = f' width="{size}" height="{size}"' if size else ""
    classes = escape(f"smiley-face {css_class}".strip())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"{side} class="{classes}" {name}>'
        f"{label}{inside}</svg>"
    )


def _face(e: Expression) -> str:
    parts = [_head(e), _blush(e), _brows(e), _eye(e, -1), _eye(e, 1), _tear(e), _mouth(e)]
    turn = f' transform="rotate({_n(e.tilt)} 50 56)"' if e.tilt else ""
    return f'<g stroke-linecap="round" stroke-linejoin="round"{turn}>{"".join(parts)}</g>'


def _head(e: Expression) -> str:
    """A round head whose jaw drops with the mouth, a shade along it, and the lock of hair it is known by."""
    top, middle, bottom = 13.0, 53.0, 93.0 + min(e.mouth_open, 24) * 0.12
    wide = 41.5 + e.seal * 0.12
    left, right = CENTRE - wide, CENTRE + wide
    chin: Path = ["C", (left, bottom - 17), (CENTRE - wide * 0.58, bottom), (CENTRE, bottom)]
    chin += ["S", (right, bottom - 17), (right, middle)]
    crown: Path = [
        "C",
        (right, top + 17),
        (CENTRE + wide * 0.56, top),
        (CENTRE, top),
        "S",
        (left, top + 17),
        (left, middle),
    ]
    inner = bottom - 6
    jaw: Path = ["C", (right - 4, inner - 14), (CENTRE + wide * 0.5, inner), (CENTRE, inner)]
    jaw += ["S", (left + 4, inner - 14), (left, middle)]
    outline = _d("M", (left, middle), *chin, *crown, "Z")
    shade = _d("M", (left, middle), *chin, *jaw, "Z")
    up = max(e.brow_height, 0) * 0.25  # raised brows pull the hair up
    hair = _d("M", (48, 13.5), "C", (46, 8 - up), (51, 3.5 - up), (56, 5 - up))
    hair += _d("M", (52, 13.5), "C", (52, 10.5 - up), (57, 8 - up), (62, 10.5))
    return (
        f'<path d="{hair}" fill="none" stroke="{HAIR}" stroke-width="3.8"/>'
        f'<path d="{outline}" fill="{SKIN}"/><path d="{shade}" fill="{SHADE}"/>' + _line(outline, 3)
    )


def _blush(e: Expression) -> str:
    if not e.blush:
        return ""
    cheeks = "".join(f'<ellipse cx="{50 + side * 27}" cy="60" rx="7" ry="4.6"/>' for side in (-1, 1))
    return f'<g fill="{BLUSH}" opacity="{_n(e.blush * 0.7)}">{cheeks}</g>'


def _brows(e: Expression) -> str:
    strokes = ""
    for side in (-1, 1):
        x = CENTRE + side * (EYE_APART + 0.5)
        y = BROW_Y - e.brow_height - (e.brow_lift if side > 0 else 0)
        dx, dy = side * 7 * cos(radians(e.brow_angle)), 7 * sin(radians(e.brow_angle))
        strokes += _d("M", (x - dx, y - dy), "Q", (x, y - 2.6), (x + dx, y + dy))
    return _line(strokes, 3.6)


def _eye(e: Expression, side: int) -> str:
    x, lid = CENTRE + side * EYE_APART, e.lid_right if side > 0 else e.lid_left
    if lid <= 0.15:
        return _shut_eye(e, x, side)
    rx, ry = 5.2 * e.pupil, 7.2 * e.pupil * min(lid, 1.15)
    if lid <= 0.6:
        return _half_shut_eye(x, rx, ry)
    white = ""
    if lid > 1.15:  # the wider the lids, the more of the white shows, as in a real face
        ry = rx
        at = f'cx="{_n(x)}" cy="{_n(EYE_Y)}" r="{_n(7 + (lid - 1) * 7)}"'
        white = f'<circle {at} fill="{WHITE}" stroke="{INK}" stroke-width="2.6"/>'
    pupil = f'<ellipse cx="{_n(x)}" cy="{_n(EYE_Y)}" rx="{_n(rx)}" ry="{_n(ry)}" fill="{INK}"/>'
    shine = f'<circle cx="{_n(x + 1.6)}" cy="{_n(EYE_Y - ry * 0.4)}" r="{_n(rx * 0.34)}" fill="{WHITE}"/>'
    return white + pupil + shine


def _half_shut_eye(x: float, rx: float, ry: float) -> str:
    """A heavy lid, straight as a line, with what it leaves of the pupil below."""
    pupil = _d("M", (x - rx, EYE_Y - 1), "A", (rx, ry * 2), "0 0 0", (x + rx, EYE_Y - 1), "Z")
    lid = _d("M", (x - 8.5, EYE_Y - 1), "L", (x + 8.5, EYE_Y - 1))
    return f'<path d="{pupil}" fill="{INK}"/>' + _line(lid, 4)


def _shut_eye(e: Expression, x: float, side: int) -> str:
    if e.squeeze:
        inner, outer, up = x - side * e.squeeze * 0.75, x + side * e.squeeze * 0.75, e.squeeze * 0.8
        return _line(_d("M", (outer, EYE_Y - up), "L", (inner, EYE_Y), "L", (outer, EYE_Y + up)), 4)
    y = EYE_Y + e.lid_bend * 0.5
    return _line(_d("M", (x - 8, y), "Q", (x, y - e.lid_bend * 2), (x + 8, y)), 4)


def _tear(e: Expression) -> str:
    if not e.tear:
        return ""
    x, y, r = CENTRE - EYE_APART - 5.5, EYE_Y + 8.5, 6.4 * e.tear
    down: Path = ["C", (x + r * 0.5, y + r), (x + r, y + r * 1.4), (x + r, y + r * 2)]
    round_: Path = ["A", (r, r), "0 0 1", (x - r, y + r * 2)]
    up: Path = ["C", (x - r, y + r * 1.4), (x - r * 0.5, y + r), (x, y)]
    return _shape(_d("M", (x, y), *down, *round_, *up, "Z"), TEAR, 2.2)


def _mouth(e: Expression) -> str:
    if e.pucker:
        return _puckered_lips(e)
    left = (CENTRE - e.mouth_width, MOUTH_Y - e.mouth_curve * 0.6 + e.mouth_skew / 2)
    right = (CENTRE + e.mouth_width, MOUTH_Y - e.mouth_curve * 0.6 - e.mouth_skew / 2)
    middle = MOUTH_Y + e.mouth_curve * 0.6
    if not e.mouth_open:
        lips = _Lip.through(left, right, middle, roundness=0.45)
        return _line(_d("M", lips.left, *lips.forwards()), 4) + _tape(e)
    upper = _Lip.through(left, right, middle - e.mouth_open / 2, roundness=0.96)
    lower = _Lip.through(left, right, middle + e.mouth_open / 2, roundness=0.96)
    parts = [f'<path d="{upper.area_to(lower)}" fill="{MOUTH}"/>']
    if e.mouth_open > 12:
        parts.append(f'<path d="{upper.towards(lower, 0.66).area_to(lower)}" fill="{ROSE}"/>')
    if e.teeth:
        parts.append(f'<path d="{upper.area_to(upper.towards(lower, e.teeth))}" fill="{WHITE}"/>')
    parts.append(_line(upper.area_to(lower), 3))
    if e.tongue:
        parts.append(_tongue_out(e, middle))
    return "".join(parts)


def _tongue_out(e: Expression, middle: float) -> str:
    x, top, half, tip = CENTRE + 3, middle + e.mouth_open * 0.1, 8.2, middle + e.tongue
    tongue: Path = [
        "M",
        (x - half, top),
        "L",
        (x - half, tip - half),
        "A",
        (half, half),
        "0 0 0",
        (x + half, tip - half),
    ]
    crease = _d("M", (x, top + 1.5), "L", (x, tip - half + 1))
    return (
        _shape(_d(*tongue, "L", (x + half, top - 0.6), "Z"), ROSE, 3)
        + f'<path d="{crease}" stroke="{INK}" stroke-width="2.2" opacity=".55"/>'
    )


def _puckered_lips(e: Expression) -> str:
    """Lips pushed out like a 3, and the little heart that `:*` throws."""
    w, h = 9 * e.pucker, 8.5 * e.pucker
    lips = _d(
        *("M", (46, 67 - h)),
        *("C", (46 + w, 67 - h * 1.3), (48 + w, 67 - h * 0.2), (51, 67)),
        *("C", (48 + w, 67 + h * 0.2), (46 + w, 67 + h * 1.3), (46, 67 + h)),
        *("C", (43.5, 67 + h * 0.5), (43.5, 67 - h * 0.5), (46, 67 - h), "Z"),
    )
    heart = "M80 84C71 77 70 71 74 69C77 67.5 79.5 69.5 80 72C80.5 69.5 83 67.5 86 69C90 71 89 77 80 84Z"
    return _shape(lips, ROSE, 3) + _shape(heart, ROSE, 2.6)


def _tape(e: Expression) -> str:
    if not e.seal:
        return ""
    half = e.seal * 1.45
    at = f'x="{_n(CENTRE - half)}" y="{_n(MOUTH_Y - 3.2)}" width="{_n(half * 2)}" height="6.4" rx="2"'
    strips = "".join(f'<rect {at} transform="rotate({turn} 50 {_n(MOUTH_Y)})"/>' for turn in (40, -40))
    return f'<g fill="{WHITE}" stroke="{INK}" stroke-width="2.6">{strips}</g>'


@dataclass(frozen=True, slots=True)
class _Lip:
    """A cubic curve from one corner of the mouth to the other.

    Curves that share their corners can be mixed point by point, so teeth and tongue never leave the mouth and
    need no clipping path (whose id would repeat when a page shows a face twice).
    """

    left: Point
    left_handle: Point
    right_handle: Point
    right: Point

    @classmethod
    def through(cls, left: Point, right: Point, middle_y: float, *, roundness: float) -> "_Lip":
        """The curve whose middle passes at `middle_y`; at roundness 1 its ends rise straight up."""
        handle_y = (middle_y - (left[1] + right[1]) / 8) / 0.75
        spread = (right[0] - left[0]) / 2 * roundness
        tip = (right[1] - left[1]) / 2 * 0.3
        return cls(left, (CENTRE - spread, handle_y - tip), (CENTRE + spread, handle_y + tip), right)

    def towards(self, other: "_Lip", share: float) -> "_Lip":
        def mix(a: Point, b: Point) -> Point:
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)

        handles = mix(self.left_handle, other.left_handle), mix(self.right_handle, other.right_handle)
        return _Lip(self.left, *handles, self.right)

    def forwards(self) -> Path:
        return ["C", self.left_handle, self.right_handle, self.right]

    def area_to(self, other: "_Lip") -> str:
        back: Path = ["C", other.right_handle, other.left_handle, other.left]
        return _d("M", self.left, *self.forwards(), *back, "Z")


def _glyph_card(glyph: str) -> str:
    """What stands in for a smiley nobody has drawn yet: its characters on a card of the face's colour."""
    size = _n(min(46.0, 130 / max(len(glyph), 1)))
    return (
        f'<rect x="8" y="14" width="84" height="76" rx="22" fill="{SKIN}" stroke="{INK}" stroke-width="3"/>'
        f'<text x="50" y="52" font-family="ui-monospace,Menlo,Consolas,monospace" font-weight="700"'
        f' font-size="{size}" text-anchor="middle" dominant-baseline="central" fill="{INK}">'
        f"{escape(glyph)}</text>"
    )


def _line(path: str, width: float) -> str:
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="{width}"/>'


def _shape(path: str, fill: str, width: float) -> str:
    return f'<path d="{path}" fill="{fill}" stroke="{INK}" stroke-width="{width}"/>'


def _d(*parts: str | Point) -> str:
    """The `d` of a path, from its letters and points."""
    words = (part if isinstance(part, str) else f"{_n(part[0])} {_n(part[1])}" for part in parts)
    return " ".join(words)


def _n(value: float) -> str:
    """A number as short as one decimal allows."""
    return f"{value:.1f}".removesuffix(".0") if round(value, 1) else "0"
