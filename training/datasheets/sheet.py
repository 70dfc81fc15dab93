"""The datasheet of a version (Gebru et al. 2021, "Datasheets for Datasets"), told from the facts that were kept with it
and the pairs that were left out."""

from collections.abc import Iterator, Sequence
from typing import Any

from labeling.charts import Dot, dots_svg, shares_svg

from ..models import DatasetVersion
from .document import Block, Heading, Items, Paragraph, Plot, Table, as_html, as_markdown
from .merging import AT_LEAST

KINDS = {"html": "text/html", "md": "text/markdown"}
_MEASURES = {
    "sharpness": ("Sharpness of the face", "share of fine detail; under 0.09 counts as blurred"),
    "brightness": ("Light on the face", "mean luma, 0 to 255"),
    "yaw": ("Turned to a side", "degrees"),
    "pitch": ("Turned up or down", "degrees"),
}
_LIMITS = (
    "A participant is not proven to be a person: somebody who came back without the receipt code is two, and could"
    " stand on two sides.",
    "Labels are what reviewers saw, and reviewers err. The agreement above says how far they agree, not how far they"
    " are right.",
    "Nothing is known of age (but that it was affirmed), sex, origin or skin colour, so that nothing can be said of how"
    " evenly they are there.",
    "A smiley is a face that somebody made on purpose. Nothing in here says how anybody felt.",
    "Near-duplicates are found by the whole picture and the part about the face: mirrored and cropped copies are not.",
    "People take photos back: a version loses them as a revision, and the list of tombstones says which.",
)


def datasheet(version: DatasetVersion, kind: str, *, names: bool = False) -> str:
    """As `html` or `md`. With `names` the pairs that were left out are named by their photos' ids, for staff."""
    title = f"Data set {version}"
    blocks = list(_blocks(version, version.facts, names))
    return as_html(title, blocks) if kind == "html" else as_markdown(title, blocks)


def _blocks(version: DatasetVersion, facts: dict[str, Any], names: bool) -> Iterator[Block]:
    if facts.get("too_few"):
        yield Paragraph(f"Fewer than {AT_LEAST} people are in it: nothing more is told of them.")
        yield from _limits()
        return
    yield Paragraph(
        f"{facts['photos']:,} photos of {facts['people']:,} people who imitate smileys on purpose, frozen"
        f" {version.created_at:%Y-%m-%d}. SHA-256 of the manifest: `{version.sha256}`"
    )
    yield Paragraph(
        f"Cells with fewer than {AT_LEAST} people are merged with others, so that numbers point at nobody."
    )
    yield from _smileys(facts)
    yield from _agreement(facts["agreement"])
    yield from _quality(facts["quality"])
    yield from _collected(facts)
    yield from _leaks(version, names)
    yield from _limits()


def _smileys(facts: dict[str, Any]) -> Iterator[Block]:
    yield Heading("Smileys and splits")
    yield Paragraph(
        "People are divided, never pictures, and nobody moves: 70/15/15 of the photos is aimed at."
    )
    splits = [_and(split["names"]) for split in facts["splits"]]
    total = [sum(cell["photos"] for cell in row["cells"]) for row in facts["smileys"]]
    bars = [(_short(row["names"]), [cell["photos"] for cell in row["cells"]]) for row in facts["smileys"]]
    if len(bars) > 1:
        yield Plot(shares_svg(bars, splits, title="Photos of each smiley by split"))
    head = ["", "photos", *(name for split in splits for name in (split, "people"))]
    rows = [
        [_row(row["names"]), f"{photos:,}", *_pairs(row["cells"])]
        for row, photos in zip(facts["smileys"], total, strict=True)
    ]
    rows.append(["all", f"{facts['photos']:,}", *_pairs(facts["splits"])])
    rows.append(["share of photos", "", *_shares(facts)])
    yield Table(head, rows)


def _agreement(found: list[dict[str, Any]]) -> Iterator[Block]:
    yield Heading("How far reviewers agree")
    known = [one for one in found if one["alpha"] is not None]
    if not known:
        yield Paragraph("Too few photos were judged by two reviewers to say.")
        return
    yield Paragraph(
        "Krippendorff's α over all photos of the site that two or more reviewers judged, with 95 % intervals: 1 is full"
        " agreement, 0 is what chance would give."
    )
    dots = [Dot(one["smiley"], one["alpha"], one["low"], one["high"]) for one in known]
    rows = [[one["smiley"], f"{one['photos']:,}", f"{one['alpha']:.2f}", _interval(one)] for one in known]
    table = Table(["prompt", "photos judged twice", "α", "95 %"], rows)
    yield Plot(dots_svg(dots, title="Krippendorff's α of each smiley"), table)


def _quality(measures: dict[str, list[dict[str, Any]]]) -> Iterator[Block]:
    yield Heading("Quality")
    yield Paragraph(
        "Measured on each face as it came in; photos over the site's thresholds are flagged, not removed."
    )
    for name, (title, unit) in _MEASURES.items():
        rows = [(_range(row["names"]), row["photos"], row["people"]) for row in measures[name]]
        if not rows:
            continue
        yield Paragraph(f"{title} ({unit})")
        bars = shares_svg([(label, [photos]) for label, photos, _ in rows], ["photos"], title=title)
        told = [[label, f"{photos:,}", f"{people:,}"] for label, photos, people in rows]
        yield Plot(bars, Table(["", "photos", "people"], told))


def _collected(facts: dict[str, Any]) -> Iterator[Block]:
    yield Heading("How it was collected")
    months = " to ".join(facts["months"])
    if facts["texts"]:
        yield Paragraph(
            f"By webcam and phone on a self-hosted site, {months}. Volunteers read a consent text, chose what they"
            " allow, imitated the smiley that they were shown, and kept the photos they liked."
        )
    else:
        yield Paragraph(f"All of it was imported, {months}: no volunteer took part.")
    if facts["sources"]:
        yield Table(["source", "photos", "people"], [_line(row) for row in facts["sources"]])
    if facts["scopes"]:
        yield Table(["allowed for", "photos", "people"], [_line(row) for row in facts["scopes"]])
    if facts["texts"]:
        yield Paragraph("Consent texts that were agreed to:")
        yield Items([
            f"version {text['version']} ({text['language']}), SHA-256 `{text['sha256']}`" for text in facts["texts"]
        ])  # fmt: skip
    if facts["imports"]:
        yield Paragraph("Imported; people in these consented to nothing here, so they are in no release:")
        yield Items([
            f"{one['source']}: licence {one['licence']}; legal basis: {one['legal_basis']}" for one in facts["imports"]
        ])  # fmt: skip


def _leaks(version: DatasetVersion, names: bool) -> Iterator[Block]:
    yield Heading("Leak check")
    if version.unchecked is None:
        yield Paragraph("It was frozen before near-duplicates across splits were looked for.")
        return
    pairs = list(version.left_out.order_by("bits", "difference", "photo_id"))
    yield Paragraph(
        "Photos of different people whose perceptual hashes differ in at most 4 of 64 bits were compared by pixels."
        " Where two are nearly the same and stand on two sides, the one that is learnt from is left out:"
        f" {len(pairs):,} left out."
    )
    if version.unchecked:
        yield Paragraph(
            f"{version.unchecked:,} photos have more near hashes on other sides than they were compared with."
        )
    if names and pairs:
        rows = [
            [f"`{one.photo_id}`", f"`{one.kept_id}`", str(one.bits), f"{one.difference:.1f}"] for one in pairs
        ]
        yield Table(["left out", "nearly the same, and kept", "bits", "grey levels"], rows)


def _limits() -> Iterator[Block]:
    yield Heading("Known limits")
    yield Items(_LIMITS)


def _pairs(cells: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{cell[name]:,}" for cell in cells for name in ("photos", "people")]


def _shares(facts: dict[str, Any]) -> list[str]:
    return [text for cell in facts["splits"] for text in (f"{cell['photos'] / facts['photos']:.1%}", "")]


def _line(row: dict[str, Any]) -> list[str]:
    return [_and(row["names"]), f"{row['photos']:,}", f"{row['people']:,}"]


def _row(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"others: {', '.join(names)}"


def _short(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} others"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _range(names: Sequence[str]) -> str:
    """Of bins that were merged, from where to where."""
    if len(names) == 1:
        return names[0]
    if names[-1] == "not measured":
        return f"{_range(names[:-1])}, or not measured"
    first, last = names[0], names[-1]
    if last.endswith("and more"):
        return "any" if first.startswith("under") else f"{first.split()[0]} and more"
    return (
        f"under {last.split()[-1]}"
        if first.startswith("under")
        else f"{first.split()[0]} to {last.split()[-1]}"
    )


def _interval(one: dict[str, Any]) -> str:
    return f"{one['low']:.2f} to {one['high']:.2f}" if one["low"] is not None else ""
