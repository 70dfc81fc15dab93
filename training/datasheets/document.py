"""A document of headings, sentences, tables and plots, as Markdown and as one HTML file that needs nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Items:
    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """The first column is words, the others are numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plot:
    """Drawn in SVG; Markdown has the table in its place, if there is one."""

    svg: str
    table: Table | None = None


Block = Heading | Paragraph | Items | Table | Plot

_STYLE = """
:root { color-scheme: light dark; --paper: #fdfcf9; --ink: #22242c; --soft: #5d6170; --line: #dedacd;
  --accent: #b26a00; --part-0: #c9c5b8; --part-1: #8b8778; --part-2: #b26a00 }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1c22; --ink: #ecebe6; --soft: #a9abb6; --line: #3a3c46;
  --accent: #f0b429; --part-0: #4a4c57; --part-1: #868996; --part-2: #f0b429 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 32px 20px 64px; max-width: 820px; background: var(--paper); color: var(--ink);
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 4px } h2 { font-size: 1.2rem; margin: 44px 0 8px }
p, ul { max-width: 62ch; margin: 8px 0 } ul { padding-left: 1.2em } li { margin: 4px 0 }
code { font: 0.88em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere }
.wide { overflow-x: auto; margin: 14px 0 }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums }
th, td { padding: 5px 0 5px 22px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--soft); font-weight: 600 }
th:first-child, td:first-child { padding-left: 0; text-align: left; white-space: normal; min-width: 9em }
.chart { display: block; width: 100%; min-width: 540px; height: auto }
.chart text { font-size: 13px; fill: var(--ink); font-variant-numeric: tabular-nums }
.chart .quiet { fill: var(--soft) }
.chart .rule { stroke: var(--line) } .chart .interval { stroke: var(--soft); stroke-width: 2 }
.chart .mark { fill: var(--accent) } .chart .bar { fill: var(--part-0) }
@media (max-width: 600px) { .chart.bars { min-width: 0 } .chart.bars text { font-size: 18px } }
.chart .part-0 { fill: var(--part-0) } .chart .part-1 { fill: var(--part-1) } .chart .part-2 { fill: var(--part-2) }
"""


def as_markdown(title: str, blocks: Sequence[Block]) -> str:
    parts = [f"# {title}"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"## {text}")
            case Paragraph(text):
                parts.append(text)
            case Items(items):
                parts.append("\n".join(f"- {item}" for item in items))
            case Table(head, rows) | Plot(_, Table(head, rows)):
                lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
                parts.append("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    return "\n\n".join(parts) + "\n"


def as_html(title: str, blocks: Sequence[Block]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(_html(block) for block in blocks)
        + "\n</body></html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{_inline(text)}</h2>"
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Items(items):
            return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>"
        case Table(head, rows):
            top = "".join(f"<th>{_inline(cell)}</th>" for cell in head)
            body = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows)
            return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'
        case Plot(svg, _):
            return f'<div class="wide">{svg}</div>'


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
