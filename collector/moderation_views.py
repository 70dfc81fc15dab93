"""What the buttons of a participant's page in admin do."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from operations.audit import actor_of

from .models import Participant
from .moderation import participant_limit, participant_mute, participant_unmute


@require_POST
@permission_required("collector.change_participant", raise_exception=True)
def participant_rule(request: HttpRequest, participant_id: uuid.UUID) -> HttpResponse:
    """`do` is `mute`, `unmute` or `limit`, the last with `photos_per_day`."""
    somebody = get_object_or_404(Participant, pk=participant_id)
    actor = actor_of(request)
    try:
        match request.POST.get("do"):
            case "mute":
                participant_mute(participant=somebody, actor=actor)
                messages.info(request, "Muted: new photos go to quarantine.")
            case "unmute":
                count = participant_unmute(participant=somebody, actor=actor)
                messages.info(request, f"No longer muted; {count} photos left quarantine.")
            case "limit":
                participant_limit(participant=somebody, photos_per_day=_quota(request), actor=actor)
                messages.info(request, "The quota holds from now on.")
            case _:
                messages.warning(request, "Choose what to do.")
    except ValueError as error:
        messages.warning(request, str(error))
    return redirect("admin:collector_participant_change", participant_id)


def _quota(request: HttpRequest) -> int | None:
    given = request.POST.get("photos_per_day", "").strip()
    if not given:
        return None
    return int(given) if given.isascii() and given.isdigit() else -1
