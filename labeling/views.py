"""The review page: the next photo, its prompt, and one key per verdict."""

import secrets
import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST

from collector import participants
from collector.models import Photo, Smiley
from operations.problems import Problem

from .masking import face_mask
from .models import Face, Review
from .selectors import photo_chips, review_queue, subject_of
from .services import review_record

# One key each; the template shows them as keycaps and the script reads them from there.
VERDICT_KEYS = (("m", Review.Verdict.MATCH), ("u", Review.Verdict.UNCLEAR))
REASON_KEYS = tuple((str(number), reason) for number, reason in enumerate(Review.Reason, start=1))
SMILEY_KEYS = "abcdefghijklnopqrstvwxyz"  # without the two verdicts' keys


@method_decorator(permission_required("labeling.add_review", raise_exception=True), name="dispatch")
class ReviewView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        queue = review_queue(request.user, participants.current(request))  # type: ignore[arg-type]
        photo = queue.first()
        smileys = zip(SMILEY_KEYS, Smiley.objects.offered(), strict=False)
        context: dict[str, Any] = {
            **admin.site.each_context(request),
            "title": "Review",
            "photo": photo,
            "face": subject_of(photo) if photo else None,
            "chips": photo_chips(photo) if photo else [],
            "waiting": queue[:1000].count(),
            "verdict_keys": VERDICT_KEYS,
            "reason_keys": REASON_KEYS,
            "smiley_keys": [(key, smiley) for key, smiley in smileys if photo and smiley != photo.smiley],
        }
        return render(request, "admin/review.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            review_record(
                photo=_photo(request),
                reviewer=request.user,  # type: ignore[arg-type]
                own=participants.current(request),
                **_verdict(request),
            )
        except Problem as problem:
            messages.warning(request, problem.detail)
        return redirect("review")


@require_POST
@permission_required("labeling.add_maskedface", raise_exception=True)
def mask_on_demand(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    """Put a mask on the photo's face, of the style asked for or drawn by chance."""
    face = get_object_or_404(Face, photo=photo_id, is_subject=True)
    try:
        face_mask(face=face, style=request.POST.get("style", ""), seed=secrets.randbits(48))
    except Problem as problem:
        messages.warning(request, problem.detail)
    return redirect("admin:collector_photo_change", photo_id)


def _photo(request: HttpRequest) -> Photo:
    """The photo that was judged; withdrawn meanwhile, it is an id only."""
    try:
        return Photo(pk=uuid.UUID(request.POST.get("photo", "")))
    except ValueError:
        raise Problem("photo_unknown", "Judge the photo that is shown.") from None


def _verdict(request: HttpRequest) -> dict[str, Any]:
    """A button's value is `match`, `unclear`, `reject:REASON` or `other:SLUG`."""
    verdict, _, detail = request.POST.get("verdict", "").partition(":")
    if verdict not in Review.Verdict.values:
        raise Problem("verdict_unknown", "Choose one of the verdicts.")
    if verdict == Review.Verdict.OTHER:
        smiley = next((one for one in Smiley.objects.all() if one.slug == detail), None)
        return {"verdict": verdict, "smiley": smiley}
    if verdict == Review.Verdict.REJECT:
        return {"verdict": verdict, "reason": detail if detail in Review.Reason.values else ""}
    return {"verdict": verdict}
