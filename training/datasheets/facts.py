"""The numbers of a version's datasheet, from one reading of what is in it. They are kept with the version, already
merged, so that nobody who reads them reads more than the datasheet says."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet

from collector.models import ConsentText, ImportBatch, Photo, Scope
from labeling.quality import smiley_agreements, smileys_in_order

from ..models import DatasetItem, Split
from ..pages import pages
from .merging import AT_LEAST, Cell, Row, columns_merged, neighbours_merged, rows_merged

#: Where one bin of a measure ends and the next begins. Degrees are those of a turn to either side.
BINS = {
    "sharpness": (0.09, 0.15, 0.2, 0.3, 0.4, 0.6),
    "brightness": (55.0, 85.0, 115.0, 145.0, 175.0, 215.0),
    "yaw": (5.0, 10.0, 15.0, 25.0, 35.0),
    "pitch": (5.0, 10.0, 15.0, 20.0, 30.0),
}
_ANGLES = ("yaw", "pitch")
_READ = ("photo__participant_id", "smiley__slug", "split", "photo__created_at", "photo__import_batch_id",
         "photo__consent__text_id", "photo__smiley__slug", "photo__decision__ballots", "shown", "shared",
         *(f"subject__{name}" for name in BINS))  # fmt: skip
Told = dict[str, Any]


def facts_of(items: "QuerySet[DatasetItem]") -> Told:
    """What the datasheet of these items says; of fewer than five people nothing but that."""
    read = _Reading(_rows(items))
    everything = read.everything
    if not everything.told:
        return {"too_few": True}
    smileys = {one.slug: read.smileys[one.slug] for one in smileys_in_order() if one.slug in read.smileys}
    splits, rows = columns_merged(smileys, Split.values)
    merged = rows_merged(rows)
    imports = list(
        ImportBatch.objects.filter(pk__in=filter(None, read.by_batch)).order_by("source", "licence", "pk")
    )
    listed = {names[0] for names, _ in merged if len(names) == 1}
    return {
        "photos": everything.photos,
        "people": len(everything.people),
        "months": sorted(read.months)[:: max(len(read.months) - 1, 1)],
        "splits": [
            {"names": names, **_numbers(cell)} for names, cell in zip(splits, _totals(rows), strict=True)
        ],
        "smileys": [{"names": names, "cells": [_numbers(cell) for cell in row]} for names, row in merged],
        "agreement": _agreement({slug for slug in listed if read.judged[slug].told}),
        "quality": {
            name: [
                {"names": names, **_numbers(cell)} for names, cell in neighbours_merged(read.quality[name])
            ]
            for name in BINS
        },
        "sources": _list(_sources(read.by_batch, imports)),
        "imports": [
            {"source": one.source, "licence": one.licence, "legal_basis": one.legal_basis} for one in imports
        ],
        "texts": list(
            ConsentText.objects.filter(pk__in=read.texts)
            .order_by("version", "language")
            .values("version", "language", "sha256")
        ),
        "scopes": _list(read.scopes),
    }


def _rows(items: "QuerySet[DatasetItem]") -> Iterator[tuple[Any, ...]]:
    photo = Photo.objects.filter(pk=OuterRef("photo_id"))
    known = items.annotate(
        subject=FilteredRelation("photo__faces", condition=Q(photo__faces__is_subject=True)),
        shown=Exists(photo.allowed_by(Scope.SHOW_AS_EXAMPLE)),
        shared=Exists(photo.allowed_by(Scope.SHARE_IN_RELEASE)),
    )
    for page in pages(known.values_list("photo_id", *_READ), "photo_id"):
        yield from page


class _Reading:
    """Cells by what they are of, counted row by row. People are numbered as they come."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.everything = Cell()
        self.smileys: defaultdict[str, list[Cell]] = defaultdict(lambda: [Cell() for _ in Split.values])
        self.judged: defaultdict[str, Cell] = defaultdict(Cell)
        self.quality = {name: {bin_: Cell() for bin_ in bin_names(name)} for name in BINS}
        self.by_batch: defaultdict[Any, Cell] = defaultdict(Cell)
        self.scopes: defaultdict[str, Cell] = defaultdict(Cell)
        self.months: set[str] = set()
        self.texts: set[Any] = set()
        numbers: defaultdict[Any, int] = defaultdict(lambda: len(numbers))
        for _, person, *facts in rows:
            self._count(numbers[person], *facts)

    def _count(
        self, person: int, smiley: str, split: str, at: Any, batch: Any, text: Any, prompt: str,
        ballots: int | None, shown: bool, shared: bool, *measured: float | None,
    ) -> None:  # fmt: skip
        self.everything.add(person)
        self.smileys[smiley][Split.values.index(split)].add(person)
        if (ballots or 0) > 1:
            self.judged[prompt].add(person)
        for name, value in zip(BINS, measured, strict=True):
            self.quality[name].setdefault(_bin(name, value), Cell()).add(person)
        self.months.add(f"{at:%Y-%m}")
        if batch is None:
            self.texts.add(text)
        # Imports stand in this table, too: it would tell how many volunteers there are, and so how many were imported.
        self.scopes[_allowed(shown, shared) if batch is None else "imported, under their own licence"].add(
            person
        )
        self.by_batch[batch].add(person)


def _sources(by_batch: dict[Any, Cell], imports: list[ImportBatch]) -> dict[str, Cell]:
    cells = {"volunteers": by_batch[None]} if None in by_batch else {}
    for batch in imports:
        cells[batch.source] = cells.get(batch.source, Cell()) | by_batch[batch.pk]
    return cells


def _allowed(shown: bool, shared: bool) -> str:
    return ", ".join(["training", *["examples"] * shown, *["releases"] * shared])


def _bin(measure: str, value: float | None) -> str:
    if value is None:
        return "not measured"  # the last, where there is one
    return bin_names(measure)[bisect_right(BINS[measure], abs(value) if measure in _ANGLES else value)]


def bin_names(measure: str) -> list[str]:
    edges = [f"{edge:g}" for edge in BINS[measure]]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"under {edges[0]}", *between, f"{edges[-1]} and more"]


def _agreement(slugs: set[str]) -> list[Told]:
    smileys = [smiley for smiley in smileys_in_order() if smiley.slug in slugs]
    return [
        {"smiley": one.slug, "photos": one.photos, "alpha": one.alpha, "low": one.low, "high": one.high}
        for one in smiley_agreements(smileys)
    ]


def _list(cells: dict[str, Cell]) -> list[Told]:
    rows: dict[str, Row] = {name: [cell] for name, cell in sorted(cells.items())}
    return [{"names": names, **_numbers(cell)} for names, (cell,) in rows_merged(rows)]


def _totals(rows: dict[str, Row]) -> list[Cell]:
    totals = [Cell() for _ in next(iter(rows.values()))]
    for row in rows.values():
        totals = [total | cell for total, cell in zip(totals, row, strict=True)]
    return totals


def _numbers(cell: Cell) -> Told:
    if not cell.told:
        raise AssertionError(f"{len(cell.people)} people are fewer than {AT_LEAST}: merge the cell first")
    return {"photos": cell.photos, "people": len(cell.people)}
