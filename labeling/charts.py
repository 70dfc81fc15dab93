"""Plots as SVG, drawn by us: a page of staff must not load a plotting library, and colours follow the theme by class.

One accent, the rest grey, and each mark says its own value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString, mark_safe

_ROW, _LEFT, _RIGHT, _WIDTH = 24, 130, 150, 640
_BAR_TOP, _BAR_FOOT = 22, 20


@dataclass(frozen=True)
class Dot:
    """A value with its interval; one without a value is named and left empty, with the reason in `note`."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def dots_svg(
    dots: Sequence[Dot], *, title: str, low: float = 0.0, high: float = 1.0, decimals: int = 2
) -> SafeString:
    """A dot and its interval a row, on an axis from `low` to `high`; what is beyond ends at its edge."""
    if not dots:
        return mark_safe("")
    height = _ROW * len(dots) + 30
    span = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + span * (min(max(value, low), high) - low) / (high - low)

    parts = []
    for tick in (low, (low + high) / 2, high):
        parts.append(f'<line class="rule" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="0" y2="{height - 24}"/>')
        parts.append(_text(x(tick), height - 8, f"{tick:g}", "quiet", "middle"))
    for row, dot in enumerate(dots):
        y = _ROW * row + _ROW / 2
        parts.append(_text(_LEFT - 10, y + 4, dot.label, "", "end"))
        if dot.value is None:
            parts.append(_text(_LEFT + 4, y + 4, dot.note, "quiet", "start"))
            continue
        said = f"{dot.value:,.{decimals}f}"
        if dot.low is not None and dot.high is not None:
            parts.append(
                f'<line class="interval" x1="{x(dot.low):.1f}" x2="{x(dot.high):.1f}" y1="{y}" y2="{y}"/>'
            )
            said += f" ({dot.low:.2f} – {dot.high:.2f})"
        parts.append(f'<circle class="mark" cx="{x(dot.value):.1f}" cy="{y}" r="5"/>')
        parts.append(_text(_WIDTH - _RIGHT + 12, y + 4, said, "figure", "start"))
    return _svg(parts, _WIDTH, height, title)


@dataclass(frozen=True)
class Line:
    """A curve; the loud one is drawn in the accent."""

    label: str
    points: Sequence[tuple[float, float]]
    loud: bool = False


def lines_svg(lines: Sequence[Line], *, title: str, form: str = ".3f", height: int = 220) -> SafeString:
    """Curves over one axis; each has its name at its end. Those without a point are left out."""
    lines = [line for line in lines if line.points]
    if not lines:
        return mark_safe("")
    every = [point for line in lines for point in line.points]
    left, top, width = 70, 12, _WIDTH - _RIGHT - 40
    floor = height - 30
    low, high = min(y for _, y in every), max(y for _, y in every)
    last = max(x for x, _ in every) or 1.0
    span = (high - low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (width - left) * x / last, floor - (floor - top) * (y - low) / span

    parts = []
    for value in (low, high):
        _, y = place(0, value)
        parts.append(f'<line class="rule" x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, format(value, form), "quiet", "end"))
    parts.append(_text(left, height - 8, "0 s", "quiet", "start"))
    parts.append(_text(width, height - 8, f"{last:.0f} s", "quiet", "end"))
    said = _apart([place(*line.points[-1])[1] for line in lines])
    for line, beside in zip(lines, said, strict=True):
        drawn = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in line.points)
        css_class = "curve mark" if line.loud else "curve"
        parts.append(f'<polyline class="{css_class}" points="{drawn}"/>')
        x, _ = place(*line.points[-1])
        parts.append(_text(x + 8, beside + 4, line.label, "figure" if line.loud else "quiet", "start"))
    return _svg(parts, _WIDTH, height, title)


def _apart(places: Sequence[float], *, least: float = 15) -> list[float]:
    """The same heights, moved down where two words would lie on each other."""
    moved = dict.fromkeys(range(len(places)), 0.0)
    free = -least
    for index in sorted(moved, key=lambda index: places[index]):
        moved[index] = free = max(places[index], free + least)
    return list(moved.values())


def columns_svg(values: Sequence[tuple[str, int]], *, title: str, height: int = 150) -> SafeString:
    """A column a value; the highest, the first and the last say what they are."""
    if not values:
        return mark_safe("")
    width, top = 640, max(1, *(value for _, value in values))
    step = width / len(values)
    floor = height - _BAR_FOOT
    highest = max(range(len(values)), key=lambda index: values[index][1])
    parts = [f'<line class="rule" x1="0" x2="{width}" y1="{floor}" y2="{floor}"/>']
    for index, (label, value) in enumerate(values):
        tall = (floor - _BAR_TOP) * value / top
        parts.append(
            f'<rect class="{"mark" if index == highest else "bar"}" x="{index * step + 1:.1f}" y="{floor - tall:.1f}"'
            f' width="{max(step - 2, 1):.1f}" height="{tall:.1f}"><title>{escape(label)}: {value:,}</title></rect>'
        )
    middle = min(max((highest + 0.5) * step, 30), width - 30)
    parts.append(_text(middle, floor - (floor - _BAR_TOP) - 6, f"{values[highest][1]:,}", "figure", "middle"))
    parts.append(_text(0, height - 4, values[0][0], "quiet", "start"))
    parts.append(_text(width, height - 4, values[-1][0], "quiet", "end"))
    return _svg(parts, width, height, title)


def shares_svg(rows: Sequence[tuple[str, Sequence[int]]], names: Sequence[str], *, title: str) -> SafeString:
    """A bar a row, as long as its sum, cut into parts. Where there are several, they are named above the first."""
    if not rows:
        return mark_safe("")
    left = _LEFT + 30  # for words that are drawn larger on a phone
    span, top = _WIDTH - left - 90, max(1, *(sum(parts) for _, parts in rows))
    named = len(names) > 1
    height = _ROW * (len(rows) + named)
    parts, x = [], float(left)
    for place, name in enumerate(names if named else ()):
        parts.append(f'<rect class="part-{place}" x="{x:.1f}" y="4" width="12" height="12"/>')
        parts.append(_text(x + 17, 15, name, "quiet", "start"))
        x += 34 + 11 * len(name)
    for row, (label, values) in enumerate(rows, start=named):
        y, x = _ROW * row + 4, float(left)
        parts.append(_text(left - 10, y + 13, label, "", "end"))
        for place, value in enumerate(values):
            wide = span * value / top
            said = f"<title>{escape(label)}, {escape(names[place])}: {value:,}</title>"
            parts.append(
                f'<rect class="part-{place}" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="17">{said}</rect>'
            )
            x += wide
        parts.append(_text(x + 8, y + 13, f"{sum(values):,}", "figure", "start"))
    return _svg(parts, _WIDTH, height, title, "chart bars")


def _text(x: float, y: float, said: str, css_class: str, anchor: str) -> str:
    return f'<text class="{css_class}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def _svg(parts: list[str], width: int, height: int, title: str, css_class: str = "chart") -> SafeString:
    head = f'<svg class="{css_class}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    return mark_safe(f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>")  # noqa: S308  (escaped above)
