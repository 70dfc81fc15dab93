"""The pages on which reviewers work. What they do there goes through the API; these only bring the tools."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from collector.models import Smiley
from operations.problems import Problem

from .filters import filter_names, filter_of
from .flags import WORDS
from .models import QueueEntry, Review

MOST_COUNTED = 1000
_reviewers_only = permission_required("labeling.add_review", raise_exception=True)


@require_safe
@_reviewers_only
def review_start(request: HttpRequest) -> HttpResponse:
    """How to review, and what: the smileys with how many photos of each wait."""
    try:
        chosen = _filter_words(request)
    except Problem as problem:
        messages.warning(request, problem.detail)
        chosen = {}
    context = {
        "title": "Review",
        "chosen": chosen,
        "smileys": smileys_waiting(),
        "flags": [(name, words.chip) for name, words in WORDS.items()],
        "most_counted": MOST_COUNTED,
    }
    return render(request, "admin/review/start.html", {**admin.site.each_context(request), **context})


@require_safe
@_reviewers_only
def review_grid(request: HttpRequest) -> HttpResponse:
    """Many photos of one smiley, presumed right, of which the odd ones are struck."""
    return _work(request, "admin/review/grid.html", Review.Mode.GRID)


@require_safe
@_reviewers_only
def review_single(request: HttpRequest) -> HttpResponse:
    """One photo after the other, with all there is to look closely."""
    return _work(request, "admin/review/single.html", Review.Mode.SINGLE)


class _Count(Subquery):
    """How many rows a subquery has; sliced, it stops counting there."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def smileys_waiting() -> QuerySet[Smiley, Any]:
    """Smileys with how many of their photos wait, as `waiting`; counted up to MOST_COUNTED and one more."""
    entries = QueueEntry.objects.filter(smiley=OuterRef("pk")).order_by().values("pk")[: MOST_COUNTED + 1]
    return Smiley.objects.annotate(waiting=_Count(entries)).order_by("order")


def _work(request: HttpRequest, template: str, mode: Review.Mode) -> HttpResponse:
    try:
        chosen = _filter_words(request)
    except Problem as problem:
        messages.warning(request, problem.detail)
        return redirect("review")
    settings = {
        "mode": mode,
        "csrf": get_token(request),
        "filters": chosen,
        "urls": {
            name: reverse(f"api-review{'s' if name == 'verdicts' else f'-{name}'}")
            for name in ("verdicts", "claims", "release", "undo", "reveal")
        },
        "smileys": [_smiley(smiley) for smiley in Smiley.objects.order_by("order")],
        "reasons": [{"value": reason.value, "label": reason.label} for reason in Review.Reason],
    }
    context = {
        **admin.site.each_context(request),
        "title": "Review",
        "settings": settings,
        "chosen": chosen,
        "query": urlencode(chosen),
        "reasons": list(enumerate(Review.Reason, start=1)),
    }
    return render(request, template, context)


def _smiley(smiley: Smiley) -> dict[str, Any]:
    return {
        "slug": smiley.slug,
        "glyph": smiley.glyph,
        "title": smiley.title,
        "how": smiley.how,
        "active": smiley.active,
        "drawing": reverse("smiley-svg", args=[smiley.slug]),
    }


def _filter_words(request: HttpRequest) -> dict[str, str]:
    """What the address asks for, checked. Raises Problem."""
    words = {name: value for name in request.GET if (value := str(request.GET[name]).strip())}
    filter_of(words)
    return {name: words[name] for name in filter_names() if name in words}
