"""The site's own character: one face, drawn from a handful of numbers.

Every smiley is the same head with an `Expression`; nothing here touches the database, so that error pages can
draw as well. The picture is a square of 100 units, y grows downwards, and what is called left is the viewer's.

Colours are presentation attributes with a CSS variable in front: a page may repaint the face by setting
`--face-skin` and its siblings, and a picture served on its own still has its colours. Inline styles are avoided
because the content security policy forbids them.
"""

from dataclasses import dataclass
from html import escape
from math import cos, radians, sin

INK = "var(--face-ink,#171a24)"
SKIN = "var(--face-skin,#fbbb2d)"
SHADE = "var(--face-shade,#e89719)"
WHITE = "var(--face-white,#fffdf6)"
MOUTH = "var(--face-mouth,#581b1f)"
ROSE = "var(--face-rose,#f36069)"
BLUSH = "var(--face-blush,#ee6a4a)"
TEAR = "var(--face-tear,#4aa9e9)"

CENTRE = 50.0
EYE_Y = 46.0
EYE_APART = 16.5
BROW_Y = 31.5
MOUTH_Y = 68.0


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does. The defaults are the face at rest; lengths are in units of the picture."""

    brow_height: float = 0  # how far both brows go up
    brow_angle: float = 0  # degrees; positive lifts the inner ends (worried), negative drops them (cross)
    brow_lift: float = 0  # how much further the right brow goes up than the left (doubtful)
    lid_left: float = 1  # 0 is shut, 1 at rest, above 1 the white shows
    lid_right: float = 1
    lid_bend: float = 0  # a shut eye: positive arches like ⌒, negative sags like ‿
    squeeze: float = 0  # a shut eye folded into > and <, this far
    pupil: float = 1  # size of the pupil, 1 at rest
    mouth_width: float = 17  # half of it
    mouth_curve: float = 0  # positive lifts the corners
    mouth_open: float = 0  # distance between the lips
    mouth_skew: float = 0  # how much higher the right corner is than the left
    teeth: float = 0  # the part of the open mouth that they fill, from above
    tongue: float = 0  # how far it hangs out; inside an open mouth it is drawn by itself
    pucker: float = 0  # size of pushed-out lips, drawn instead of the mouth
    seal: float = 0  # size of the cross of tape over the mouth
    tear: float = 0  # size of the drop under the left eye
    blush: float = 0.5  # 0 to 1
    tilt: float = 0  # degrees, clockwise


EXPRESSIONS: dict[str, Expression] = {
    "smile": Expression(mouth_curve=9, mouth_width=18, brow_height=1.5, blush=0.8),
    "grin": Expression(
        mouth_curve=8,
        mouth_open=21,
        mouth_width=23,
        teeth=0.36,
        lid_left=1.08,
        lid_right=1.08,
        brow_height=3,
        blush=0.8,
    ),
    "squint-laugh": Expression(
        lid_left=0,
        lid_right=0,
        squeeze=8,
        mouth_curve=8.5,
        mouth_open=25,
        mouth_width=23,
        teeth=0.26,
        brow_height=2,
        tilt=-8,
        blush=1,
    ),
    "frown": Expression(
        mouth_curve=-8, mouth_width=16, brow_angle=12, brow_height=-0.5, lid_left=0.9, lid_right=0.9, blush=0
    ),
    "tear": Expression(
        mouth_curve=-7,
        mouth_width=13,
        brow_angle=24,
        brow_height=1,
        lid_left=0.85,
        lid_right=0.85,
        tear=1,
        blush=0.6,
        tilt=4,
    ),
    "wink": Expression(
        lid_right=0,
        lid_bend=5,
        mouth_curve=8,
        mouth_width=17,
        mouth_skew=4,
        brow_lift=-4,
        brow_height=2,
        tilt=7,
        blush=0.8,
    ),
    "tongue": Expression(
        mouth_curve=6, mouth_open=5, mouth_width=20, tongue=19, brow_height=3, tilt=-6, blush=0.8
    ),
    "open-mouth": Expression(
        mouth_width=11, mouth_open=24, brow_height=5, lid_left=1.12, lid_right=1.12, blush=0.3
    ),
    "wide-eyed": Expression(lid_left=1.9, lid_right=1.9, pupil=0.72, mouth_width=9, brow_height=7, blush=0.3),
    "gasp": Expression(
        mouth_curve=-7,
        mouth_open=18,
        mouth_width=19,
        teeth=0.3,
        lid_left=1.4,
        lid_right=1.4,
        pupil=0.75,
        brow_angle=22,
        brow_height=5,
        blush=0,
    ),
    "straight-face": Expression(mouth_width=17, blush=0),
    "flat-eyes": Expression(lid_left=0, lid_right=0, mouth_width=13, brow_height=-1.5, blush=0),
    "skew-mouth": Expression(
        mouth_skew=11,
        mouth_width=16,
        mouth_curve=-1.5,
        lid_left=0.8,
        lid_right=1,
        brow_lift=7,
        brow_height=-1,
        tilt=-4,
        blush=0.2,
    ),
    "scowl": Expression(
        mouth_curve=-7,
        mouth_width=15,
        brow_angle=-24,
        brow_height=-3.5,
        lid_left=0.85,
        lid_right=0.85,
        blush=0.9,
    ),
    "scrunch": Expression(
        lid_left=0, lid_right=0, squeeze=8, mouth_width=9, brow_angle=-14, brow_height=-1, blush=0.9
    ),
    "kiss": Expression(pucker=1, lid_left=0.9, lid_right=0.9, brow_height=3, tilt=5, blush=0.9),
    "sealed": Expression(mouth_width=19, seal=9, lid_left=1.12, lid_right=1.12, brow_height=3, blush=0.7),
}

Point = tuple[float, float]


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
    """A round head whose jaw drops with the mouth, a shade along the jaw, and the lock of hair it is known by."""
    top, bottom, wide = 13.0, 93.0 + min(e.mouth_open, 24) * 0.12, 41.5 + e.seal * 0.12
    middle = 53.0
    outline = (
        f"M{_n(50 - wide)} {_n(middle)}C{_n(50 - wide)} {_n(top + 17)} {_n(50 - wide * 0.56)} {_n(top)} 50 {_n(top)}"
        f"S{_n(50 + wide)} {_n(top + 17)} {_n(50 + wide)} {_n(middle)}"
        f"S{_n(50 + wide * 0.58)} {_n(bottom)} 50 {_n(bottom)}"
        f"S{_n(50 - wide)} {_n(bottom - 17)} {_n(50 - wide)} {_n(middle)}Z"
    )
    jaw = (
        f"M{_n(50 - wide)} {_n(middle)}C{_n(50 - wide)} {_n(bottom - 17)} {_n(50 - wide * 0.58)} {_n(bottom)} "
        f"50 {_n(bottom)}S{_n(50 + wide)} {_n(bottom - 17)} {_n(50 + wide)} {_n(middle)}"
        f"C{_n(46 + wide)} {_n(bottom - 20)} {_n(50 + wide * 0.5)} {_n(bottom - 6)} 50 {_n(bottom - 6)}"
        f"S{_n(54 - wide)} {_n(bottom - 20)} {_n(50 - wide)} {_n(middle)}Z"
    )
    lift = max(e.brow_height, 0) * 0.25  # raised brows pull the hair up
    hair = (
        f"M48 13.5C46 {_n(8 - lift)} 51 {_n(3.5 - lift)} 56 {_n(5 - lift)}"
        f"M52 13.5C52 {_n(10.5 - lift)} 57 {_n(8 - lift)} 62 10.5"
    )
    return (
        f'<path d="{hair}" fill="none" stroke="{INK}" stroke-width="3.4"/>'
        f'<path d="{outline}" fill="{SKIN}"/><path d="{jaw}" fill="{SHADE}"/>'
        f'<path d="{outline}" fill="none" stroke="{INK}" stroke-width="3"/>'
    )


def _blush(e: Expression) -> str:
    if not e.blush:
        return ""
    cheeks = "".join(f'<ellipse cx="{_n(50 + side * 27)}" cy="60" rx="7" ry="4.6"/>' for side in (-1, 1))
    return f'<g fill="{BLUSH}" opacity="{_n(e.blush * 0.7)}">{cheeks}</g>'


def _brows(e: Expression) -> str:
    strokes = ""
    for side in (-1, 1):
        x = CENTRE + side * (EYE_APART + 0.5)
        y = BROW_Y - e.brow_height - (e.brow_lift if side > 0 else 0)
        dx, dy = 7 * cos(radians(e.brow_angle)), 7 * sin(radians(e.brow_angle))
        inner, outer = (x - side * dx, y - dy), (x + side * dx, y + dy)
        strokes += f"M{_p(inner)}Q{_p((x, y - 2.6))} {_p(outer)}"
    return f'<path d="{strokes}" fill="none" stroke="{INK}" stroke-width="3.6"/>'


def _eye(e: Expression, side: int) -> str:
    x, lid = CENTRE + side * EYE_APART, e.lid_right if side > 0 else e.lid_left
    if lid <= 0.15:
        return _shut_eye(e, x, side)
    white = ""
    if lid > 1.15:  # the wider the lids, the more of the white shows, as in a real face
        r = 7 + (lid - 1) * 7
        white = f'<circle cx="{_n(x)}" cy="{_n(EYE_Y)}" r="{_n(r)}" fill="{WHITE}" stroke="{INK}" stroke-width="2.6"/>'
    rx, ry = 5.2 * e.pupil, 7.2 * e.pupil * min(lid, 1.15)
    if lid > 1.15:
        ry = rx  # a pupil with white all round it is round
    shine = f'<circle cx="{_n(x + 1.6)}" cy="{_n(EYE_Y - ry * 0.4)}" r="{_n(rx * 0.34)}" fill="{WHITE}"/>'
    return f'{white}<ellipse cx="{_n(x)}" cy="{_n(EYE_Y)}" rx="{_n(rx)}" ry="{_n(ry)}" fill="{INK}"/>{shine}'


def _shut_eye(e: Expression, x: float, side: int) -> str:
    if e.squeeze:
        inner, outer = x - side * e.squeeze * 0.75, x + side * e.squeeze * 0.75
        line = f"M{_p((outer, EYE_Y - e.squeeze * 0.8))}L{_p((inner, EYE_Y))}L{_p((outer, EYE_Y + e.squeeze * 0.8))}"
    else:
        y = EYE_Y + e.lid_bend * 0.5
        line = f"M{_p((x - 8, y))}Q{_p((x, y - e.lid_bend * 2))} {_p((x + 8, y))}"
    return f'<path d="{line}" fill="none" stroke="{INK}" stroke-width="4"/>'


def _tear(e: Expression) -> str:
    if not e.tear:
        return ""
    x, y, r = CENTRE - EYE_APART - 5.5, EYE_Y + 8.5, 6.4 * e.tear
    drop = (
        f"M{_p((x, y))}C{_p((x + r * 0.5, y + r))} {_p((x + r, y + r * 1.4))} {_p((x + r, y + r * 2))}"
        f"A{_n(r)} {_n(r)} 0 0 1 {_p((x - r, y + r * 2))}C{_p((x - r, y + r * 1.4))} {_p((x - r * 0.5, y + r))} {_p((x, y))}Z"
    )
    return f'<path d="{drop}" fill="{TEAR}" stroke="{INK}" stroke-width="2.2"/>'


def _mouth(e: Expression) -> str:
    if e.pucker:
        return _puckered_lips(e)
    left = (CENTRE - e.mouth_width, MOUTH_Y - e.mouth_curve * 0.6 + e.mouth_skew / 2)
    right = (CENTRE + e.mouth_width, MOUTH_Y - e.mouth_curve * 0.6 - e.mouth_skew / 2)
    middle = MOUTH_Y + e.mouth_curve * 0.6
    if not e.mouth_open:
        line = f"M{_p(left)}{_Lip.through(left, right, middle, 0.45).forwards()}"
        return f'<path d="{line}" fill="none" stroke="{INK}" stroke-width="4"/>{_seal(e)}'
    upper = _Lip.through(left, right, middle - e.mouth_open / 2, 0.96)
    lower = _Lip.through(left, right, middle + e.mouth_open / 2, 0.96)
    tongue = upper.towards(lower, 0.66)
    parts = [f'<path d="{upper.area_to(lower)}" fill="{MOUTH}"/>']
    if e.mouth_open > 12:
        parts.append(f'<path d="{tongue.area_to(lower)}" fill="{ROSE}"/>')
    if e.teeth:
        parts.append(f'<path d="{upper.area_to(upper.towards(lower, e.teeth))}" fill="{WHITE}"/>')
    parts.append(f'<path d="{upper.area_to(lower)}" fill="none" stroke="{INK}" stroke-width="3"/>')
    if e.tongue:
        parts.append(_tongue_out(e, middle))
    return "".join(parts)


def _tongue_out(e: Expression, middle: float) -> str:
    x, y, w, tip = CENTRE + 3, middle + e.mouth_open * 0.1, 8.2, middle + e.tongue
    shape = f"M{_p((x - w, y))}L{_p((x - w, tip - w))}A{_n(w)} {_n(w)} 0 0 0 {_p((x + w, tip - w))}L{_p((x + w, y - 0.6))}Z"
    return (
        f'<path d="{shape}" fill="{ROSE}" stroke="{INK}" stroke-width="3"/>'
        f'<path d="M{_p((x, y + 1.5))}V{_n(tip - w + 1)}" stroke="{INK}" stroke-width="2.2" opacity=".55"/>'
    )


def _puckered_lips(e: Expression) -> str:
    """Lips pushed out like a 3, and the little heart that `:*` throws."""
    w, h = 9 * e.pucker, 8.5 * e.pucker
    lips = (
        f"M46 {_n(67 - h)}C{_n(46 + w)} {_n(67 - h * 1.3)} {_n(48 + w)} {_n(67 - h * 0.2)} 51 67"
        f"C{_n(48 + w)} {_n(67 + h * 0.2)} {_n(46 + w)} {_n(67 + h * 1.3)} 46 {_n(67 + h)}"
        f"C43.5 {_n(67 + h * 0.5)} 43.5 {_n(67 - h * 0.5)} 46 {_n(67 - h)}Z"
    )
    heart = "M80 84C71 77 70 71 74 69C77 67.5 79.5 69.5 80 72C80.5 69.5 83 67.5 86 69C90 71 89 77 80 84Z"
    return (
        f'<path d="{lips}" fill="{ROSE}" stroke="{INK}" stroke-width="3"/>'
        f'<path d="{heart}" fill="{ROSE}" stroke="{INK}" stroke-width="2.6"/>'
    )


def _seal(e: Expression) -> str:
    if not e.seal:
        return ""
    strips = "".join(
        f'<rect x="{_n(50 - e.seal * 1.45)}" y="{_n(MOUTH_Y - 3.2)}" width="{_n(e.seal * 2.9)}" height="6.4" rx="2" '
        f'transform="rotate({turn} 50 {_n(MOUTH_Y)})"/>'
        for turn in (40, -40)
    )
    return f'<g fill="{WHITE}" stroke="{INK}" stroke-width="2.6">{strips}</g>'


@dataclass(frozen=True, slots=True)
class _Lip:
    """A cubic curve from one corner of the mouth to the other.

    Curves that share their corners can be mixed point by point, so teeth and tongue never leave the mouth and need
    no clipping path (whose id would repeat when a page shows a face twice).
    """

    left: Point
    left_handle: Point
    right_handle: Point
    right: Point

    @classmethod
    def through(cls, left: Point, right: Point, middle_y: float, roundness: float) -> "_Lip":
        """The curve whose middle passes at `middle_y`; 1 makes its ends rise straight up, as in an O."""
        handle_y = (middle_y - (left[1] + right[1]) / 8) / 0.75
        spread = (right[0] - left[0]) / 2 * roundness
        tip = (right[1] - left[1]) / 2 * 0.3
        return cls(left, (CENTRE - spread, handle_y - tip), (CENTRE + spread, handle_y + tip), right)

    def towards(self, other: "_Lip", share: float) -> "_Lip":
        def mix(a: Point, b: Point) -> Point:
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)

        return _Lip(
            self.left,
            mix(self.left_handle, other.left_handle),
            mix(self.right_handle, other.right_handle),
            self.right,
        )

    def forwards(self) -> str:
        return f"C{_p(self.left_handle)} {_p(self.right_handle)} {_p(self.right)}"

    def backwards(self) -> str:
        return f"C{_p(self.right_handle)} {_p(self.left_handle)} {_p(self.left)}"

    def area_to(self, other: "_Lip") -> str:
        return f"M{_p(self.left)}{self.forwards()}{other.backwards()}Z"


def _glyph_card(glyph: str) -> str:
    """What stands in for a smiley nobody has drawn yet: its characters on a card of the face's colour."""
    size = min(46.0, 130 / max(len(glyph), 1))
    return (
        f'<rect x="8" y="14" width="84" height="76" rx="22" fill="{SKIN}" stroke="{INK}" stroke-width="3"/>'
        f'<text x="50" y="52" font-family="ui-monospace,Menlo,Consolas,monospace" font-weight="700" font-size="{_n(size)}" '
        f'text-anchor="middle" dominant-baseline="central" fill="{INK}">{escape(glyph)}</text>'
    )


def _n(value: float) -> str:
    """A number as short as one decimal allows."""
    return f"{value:.1f}".rstrip("0").rstrip(".").replace("-0.", "-.") or "0"


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"
