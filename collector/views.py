"""The volunteers' pages: parse, call the service, show."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from rest_framework.request import Request
from rest_framework.views import APIView

from operations.problems import Problem
from operations.throttling import ParticipantThrottle

from . import participants
from .drawing import drawing
from .expressions import EXPRESSIONS
from .forms import ConsentForm
from .models import Consent, Participant, Photo, Smiley, Tombstone
from .selectors import (
    collection_progress,
    consent_in_force,
    consent_text_current,
    photos_of,
    smileys_done,
)
from .services import consent_give, participant_withdraw, photo_withdraw

_PHOTOS_A_PAGE = 60
_TOMBSTONES_SHOWN = 20


@require_safe
@never_cache
def landing(request: HttpRequest) -> HttpResponse:
    context = {
        "progress": collection_progress(),
        "target": settings.COUNT_TARGET,
        "consented": _consent_that_holds(participants.current(request)) is not None,
        **_operator(),
    }
    return render(request, "collector/landing.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def consent(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    text = consent_text_current(get_language() or "en")
    form = ConsentForm(request.POST if request.method == "POST" else None, initial={"text": text.pk})
    if request.method == "POST" and form.is_valid():
        if participant is None and not ParticipantThrottle().allow_request(Request(request), APIView()):
            return render(request, "429.html", status=429)
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
    context = {"text": text, "form": form, "in_force": _consent_that_holds(participant), **_operator()}
    return render(request, "collector/consent.html", context, status=422 if form.errors else 200)


@require_safe
@never_cache
def booth(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    if _consent_that_holds(participant) is None:
        return redirect("consent")
    smileys = list(Smiley.objects.offered())
    wanted = request.GET.get("smiley", "")
    context = {
        "smileys": smileys,
        "done": smileys_done(participant),
        "wanted": wanted if wanted in {smiley.slug for smiley in smileys} else "",
    }
    return render(request, "collector/booth.html", context)


@require_safe
@never_cache
def my_photos(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    if participant is None:
        return render(request, "collector/my_photos_none.html")
    photos = Paginator(photos_of(participant), _PHOTOS_A_PAGE).get_page(request.GET.get("page"))
    context = {"photos": photos, "consent": consent_in_force(participant), "states": Photo.State}
    return render(request, "collector/my_photos.html", context)


@require_POST
def photo_delete(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    participant = participants.current(request)
    if participant is None:
        raise Http404
    photo = get_object_or_404(photos_of(participant), pk=photo_id)
    photo_withdraw(photo=photo, actor="participant")
    messages.success(request, _("The photo is gone, and so is everything that was made from it here."))
    return redirect("my-photos")


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    response = redirect("my-photos")
    if participant is not None:
        count = participant_withdraw(participant=participant, actor="participant")
        gone = ngettext(
            "Done. %(count)d photo and your consent are gone. Thank you for having been here.",
            "Done. %(count)d photos and your consent are gone. Thank you for having been here.",
            count,
        )
        messages.success(request, gone % {"count": count})
    participants.forget(response)
    return response


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


def _consent_that_holds(participant: Participant | None) -> Consent | None:
    """The consent under which this person may send photos now: not revoked, and to the text of today."""
    given = consent_in_force(participant) if participant is not None else None
    if given is None or not given.train:
        return None
    return given if given.text.version == consent_text_current(given.text.language).version else None


def _operator() -> dict[str, str]:
    return {"operator_name": settings.OPERATOR_NAME, "operator_contact": settings.OPERATOR_CONTACT}
