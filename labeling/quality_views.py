"""How far reviewers agree: a page of staff, and the same tables as CSV."""

import csv
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from . import quality
from .charts import Dot, dots_svg

_SHADES = 5
_PAIRS_SHOWN = 45


@require_GET
@permission_required("labeling.see_quality", raise_exception=True)
def quality_page(request: HttpRequest) -> HttpResponse:
    smileys = quality.smileys_in_order()
    agreements = quality.smiley_agreements(smileys)
    reviewers = quality.reviewer_agreements()
    pairs = quality.pair_agreements()
    dots = [Dot(f"{one.glyph}  {one.slug}", one.alpha, one.low, one.high, _why(one)) for one in agreements]
    outcomes = quality.outcome_names(smileys)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Quality of reviews",
        "until": quality.counted_until(),
        "alphas": dots_svg(dots, title="Krippendorff's α of each smiley"),
        "reviewers": reviewers,
        "pairs": pairs[:_PAIRS_SHOWN],
        "more_pairs": max(len(pairs) - _PAIRS_SHOWN, 0),
        "recheck": quality.all_of(one.recheck for one in reviewers),
        "grid_check": quality.all_of(one.grid_check for one in reviewers),
        "outcomes": outcomes,
        "confusions": [_shaded(one, outcomes) for one in quality.confusions(smileys) if one.decided],
        "tables": list(quality.TABLES),
    }
    return render(request, "admin/quality.html", context)


@require_GET
@permission_required("labeling.see_quality", raise_exception=True)
def quality_csv(request: HttpRequest, table: str) -> HttpResponse:
    """One of the page's tables: `smileys`, `reviewers`, `pairs` or `confusion`."""
    rows = quality.TABLES.get(table)
    if rows is None:
        raise Http404
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="quality-{table}.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    csv.writer(response).writerows([[_plain(cell) for cell in row] for row in rows()])
    return response


def _why(one: quality.SmileyAgreement) -> str:
    return "all said the same one thing" if one.photos else "no photo judged twice"


def _shaded(one: quality.Confusion, outcomes: list[str]) -> tuple[quality.Confusion, list[tuple[int, str]]]:
    """Of each outcome how many, and the class that shades its cell by its share."""
    cells = []
    for name in outcomes:
        number = one.outcomes.get(name, 0)
        shade = -(-_SHADES * number // one.decided)
        cells.append((number, f"{'right' if name == one.slug else 'wrong'}-{shade}"))
    return one, cells


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        return f"{cell:.4f}"
    # A name that begins like a formula is one to a spreadsheet.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell
