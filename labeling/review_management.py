"""What managers decide about reviewing: the rules, and what becomes of hidden photos."""

import uuid
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.http import require_POST, require_safe

from collector.models import Photo, Smiley
from operations.problems import Problem

from .decisions import Rule
from .models import Review, SmileyQueue
from .review_pages import smileys_waiting
from .rules import rule_change, rule_default, rule_of, rule_previews
from .services import hidden_settle

_PHOTOS_A_PAGE = 24


@method_decorator(permission_required("labeling.change_smileyqueue", raise_exception=True), name="dispatch")
class RulesView(View):
    """By which rule each smiley is decided; what another one would change is shown before it is set."""

    def get(self, request: HttpRequest) -> HttpResponse:
        preview: dict[str, Any] = {}
        if "quorum" in request.GET:
            try:
                smileys, rule = _asked(request.GET)
                preview = _preview(smileys, rule)
            except Problem as problem:
                messages.warning(request, problem.detail)
        queues = {queue.smiley_id: queue.rule for queue in SmileyQueue.objects.all()}
        context = {
            "title": "Rules",
            "rows": [(smiley, queues.get(smiley.pk, rule_default())) for smiley in smileys_waiting()],
            "preview": preview,
            "asked": request.GET,
            "default": rule_default(),
        }
        return render(request, "admin/review/rules.html", {**admin.site.each_context(request), **context})

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            smileys, rule = _asked(request.POST)
            for smiley in smileys:
                rule_change(smiley=smiley, rule=rule, reviewer=cast(User, request.user))
        except Problem as problem:
            messages.warning(request, problem.detail)
        else:
            names = smileys[0].glyph if len(smileys) == 1 else f"all {len(smileys)} smileys"
            messages.success(
                request, f"{names}: new verdicts count by the new rule at once, earlier ones within minutes."
            )
        return redirect("review-rules")


def _asked(words: Any) -> tuple[list[Smiley], Rule]:
    """The smileys and the rule that a form names. Raises Problem."""
    try:
        rule = rule_of(int(words.get("quorum", "")), int(words.get("majority", "")))
    except ValueError:
        raise Problem("rule_unusable", "Quorum and majority are whole numbers.") from None
    slug = words.get("smiley", "")
    smileys = [smiley for smiley in Smiley.objects.order_by("order") if slug in ("", smiley.slug)]
    if not smileys:
        raise Problem("smiley_unknown", "Choose one of the smileys, or all.")
    return smileys, rule


def _preview(smileys: list[Smiley], rule: Rule) -> dict[str, Any]:
    changes = rule_previews(rule, smileys[0] if len(smileys) == 1 else None)
    return {
        "rule": rule,
        "smileys": [(smiley, changes[smiley.pk]) for smiley in smileys if smiley.pk in changes],
        "decided": sum(one.decided for one in changes.values()),
        "opened": sum(one.opened for one in changes.values()),
    }


@require_safe
@permission_required("collector.handle_hidden", raise_exception=True)
def hidden_photos(request: HttpRequest) -> HttpResponse:
    """Photos that somebody called indecent or under age, for those who decide what becomes of them."""
    photos = (
        Photo.objects.filter(state=Photo.State.HIDDEN).select_related("smiley").order_by("created_at", "pk")
    )
    page = Paginator(photos, _PHOTOS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "title": "Hidden photos",
        "page": page,
        "photos": [(photo, _hiders(photo)) for photo in page],
    }
    return render(request, "admin/review/hidden.html", {**admin.site.each_context(request), **context})


@require_POST
@permission_required("collector.handle_hidden", raise_exception=True)
def hidden_photo(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    """Remove it for good, or let it be reviewed again."""
    what = request.POST.get("what")
    try:
        if what not in ("remove", "open"):
            raise Problem("choice_unknown", "Choose what is to become of the photo.")
        hidden_settle(photo=Photo(pk=photo_id), reviewer=cast(User, request.user), remove=what == "remove")
    except Problem as problem:
        messages.warning(request, problem.detail)
    else:
        gone = "The photo is gone for good, with everything that was made from it."
        messages.success(
            request, gone if what == "remove" else "The photo is seen again and waits for reviewers."
        )
    return redirect("review-hidden")


def _hiders(photo: Photo) -> list[Review]:
    reviews = photo.reviews.standing().select_related("reviewer").order_by("pk")
    return [review for review in reviews if review.hides]
