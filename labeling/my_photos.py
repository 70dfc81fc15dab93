"""What volunteers see of what is theirs, with what the detectors said of it: hence it lives in this room."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from collector import participants
from collector.models import Photo, Receipt
from collector.selectors import consent_in_force, consent_that_holds, photos_of

from .flags import hints

_PHOTOS_A_PAGE = 60


@require_safe
@never_cache
def my_photos(request: HttpRequest) -> HttpResponse:
    participant = participants.current(request)
    if participant is None:
        return render(request, "collector/my_photos_none.html")
    mine = photos_of(participant).select_related("analysis")
    page = Paginator(mine, _PHOTOS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "photos": [_shown(photo) for photo in page],
        "accepted": mine.filter(state=Photo.State.ACCEPTED).count(),
        "consent": consent_in_force(participant),
        "may_widen": consent_that_holds(participant) is not None,
        "receipt": Receipt.objects.filter(participant=participant).first(),
    }
    return render(request, "collector/my_photos.html", context)


def _shown(photo: Photo) -> dict[str, Any]:
    """The photo, and what would make a better one; nothing more is asked of a photo that was accepted."""
    wanting = photo.state != Photo.State.ACCEPTED and hasattr(photo, "analysis")
    return {"photo": photo, "hints": hints(photo.analysis.flags) if wanting else []}
