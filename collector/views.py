"""The volunteers' pages: parse, call the service, show."""

from csp.constants import WASM_UNSAFE_EVAL
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from operations.problems import Problem
from operations.throttling import ParticipantThrottle

from . import participants
from .drawing import drawing
from .expressions import EXPRESSIONS
from .forms import ConsentForm
from .models import Smiley, Tombstone
from .selectors import (
    collection_progress,
    consent_text_current,
    consent_that_holds,
    receipt_held,
    smileys_done,
    smileys_shown,
)
from .services import consent_give
from .throttled import throttled, too_fast

_TOMBSTONES_SHOWN = 20


@require_safe
@never_cache
def landing(request: HttpRequest) -> HttpResponse:
    context = {
        "progress": collection_progress(),
        "consented": consent_that_holds(participants.current(request)) is not None,
        **_operator(),
    }
    return render(request, "collector/landing.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@throttled
def consent(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    text = consent_text_current(get_language() or "en")
    form = ConsentForm(request.POST if request.method == "POST" else None, initial={"text": text.pk})
    if request.method == "POST" and form.is_valid():
        if participant is None and (refused := too_fast(request, ParticipantThrottle())):
            return refused
        try:
            given = consent_give(
                participant=participant,
                text=form.cleaned_data["text"],
                scopes=form.scopes,
                age_affirmed=form.cleaned_data["age"],
            )
        except Problem as problem:
            # The text changed while the page was open: show the new one, with nothing ticked.
            form = ConsentForm(initial={"text": text.pk})
            messages.warning(request, problem.detail)
        else:
            response = redirect("booth")
            participants.remember(response, given.participant)
            return response
    context = {
        "text": text,
        "form": form,
        "in_force": consent_that_holds(participant),
        "newcomer": participant is None,
        **_operator(),
    }
    return render(request, "collector/consent.html", context, status=422 if form.errors else 200)


@require_safe
@never_cache
@csp_update({"script-src": [WASM_UNSAFE_EVAL]})  # for the network that looks for the face in the preview
def booth(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    if consent_that_holds(participant) is None:
        return redirect("consent")
    smileys = smileys_shown()
    wanted = request.GET.get("smiley", "")
    context = {
        "smileys": smileys,
        "done": smileys_done(participant),
        "wanted": wanted if wanted in {smiley.slug for smiley in smileys} else "",
        "receipt_held": receipt_held(participant),
    }
    return render(request, "collector/booth.html", context)


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    context = {
        "minimum_age": settings.MINIMUM_AGE,
        "tombstone_count": Tombstone.objects.count(),
        "tombstones": Tombstone.objects.order_by("-withdrawn_at", "pk")[:_TOMBSTONES_SHOWN],
        **_operator(),
    }
    return render(request, "collector/privacy.html", context)


@require_GET
@cache_control(public=True, max_age=24 * 3600)
def smiley_svg(request: HttpRequest, slug: str) -> HttpResponse:
    """The drawing on its own. Drawn smileys need no database, so that error pages keep their icon."""
    glyph = "" if slug in EXPRESSIONS else get_object_or_404(Smiley, slug=slug).glyph
    return HttpResponse(drawing(slug, glyph=glyph), content_type="image/svg+xml")


@require_GET
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest) -> HttpResponse:
    """A page and not a static file, for it names icons by their hash."""
    return render(request, "site.webmanifest", content_type="application/manifest+json")


def _operator() -> dict[str, str]:
    return {"operator_name": settings.OPERATOR_NAME, "operator_contact": settings.OPERATOR_CONTACT}
