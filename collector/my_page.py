"""What volunteers do with what is theirs: photos, consent, the receipt code, the way out."""

import uuid
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from operations.problems import Problem
from operations.throttling import ReceiptThrottle

from . import participants
from .models import Participant, Scope
from .receipts import receipt_issue, receipt_redeem
from .selectors import photos_of
from .services import consent_change, participant_withdraw, photo_withdraw
from .throttled import throttled


@require_POST
@throttled
def photo_delete(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    photo = get_object_or_404(photos_of(_participant_or_404(request)), pk=photo_id)
    photo_withdraw(photo=photo, actor="participant")
    messages.success(request, _("The photo is gone, and so is everything that was made from it here."))
    return redirect("my-photos")


@require_POST
@throttled
def consent_scope(request: HttpRequest) -> HttpResponse:
    """Allow one thing more, or one thing less."""
    participant = _participant_or_404(request)
    scope, allowed = request.POST.get("scope", ""), request.POST.get("allowed") == "yes"
    try:
        consent_change(participant=participant, scope=scope, allowed=allowed)
    except Problem as problem:
        messages.warning(request, problem.detail)
        return redirect("consent")
    if allowed:
        said = _("Thank you. It holds for the photos that you send from now on.")
    elif scope == Scope.TRAIN:
        said = _(
            "Done. None of your photos is used for anything any more. They are still here, for you alone."
        )
    else:
        said = _("Done. It holds for all your photos, at once.")
    messages.success(request, said)
    return redirect("my-photos")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@partial(throttled, throttle=ReceiptThrottle)
def receipt(request: HttpRequest) -> HttpResponse:
    """Come back with a receipt code, on any device."""
    here = participants.current(request)
    context = {"left_behind": here is not None and here.photos.exists()}
    if request.method != "POST":
        return render(request, "collector/receipt.html", context)
    try:
        participant = receipt_redeem(code=request.POST.get("code", ""))
    except Problem as problem:
        return render(
            request, "collector/receipt.html", {**context, "problem": problem}, status=problem.status
        )
    messages.success(request, _("Welcome back. Here is everything that is yours."))
    response = redirect("my-photos")
    participants.remember(response, participant)
    return response


@require_POST
@never_cache
@throttled
def receipt_new(request: HttpRequest) -> HttpResponse:
    """Show a new receipt code: in this answer, once."""
    code = receipt_issue(participant=_participant_or_404(request))
    return render(request, "collector/receipt_new.html", {"code": code})


@require_POST
@throttled
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


def _participant_or_404(request: HttpRequest) -> Participant:
    participant = participants.current(request)
    if participant is None:
        raise Http404
    return participant
