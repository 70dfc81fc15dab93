"""Reading what was collected."""

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet, Sum

from .models import Consent, ConsentText, Participant, Photo, Smiley


def consent_text_current(language: str) -> ConsentText:
    """The newest text in a language, or in English where there is none."""
    texts = ConsentText.objects.order_by("-version")
    text: ConsentText = texts.filter(language=language).first() or texts.filter(language="en")[:1].get()
    return text


def consent_in_force(participant: Participant) -> Consent | None:
    return participant.consents.select_related("text").order_by("-agreed_at", "-pk").first()


def smiley_next(participant: Participant | None, skipped: Collection[str]) -> Smiley | None:
    """The smiley that the collection needs most among those this person has neither sent nor skipped."""
    waiting = Smiley.objects.offered().exclude(slug__in=skipped).exclude(slug__in=smileys_done(participant))
    return waiting.order_by("accepted_count", "order").first()


def smileys_done(participant: Participant | None) -> list[str]:
    if participant is None:
        return []
    sent = Photo.objects.filter(participant=participant).exclude(state=Photo.State.REJECTED)
    return list(sent.order_by("smiley__order").values_list("smiley__slug", flat=True).distinct())


def photos_of(participant: Participant) -> QuerySet[Photo]:
    return participant.photos.select_related("smiley").order_by("-created_at", "pk")


def collection_progress() -> dict[str, Any]:
    """How far the collection is, from the counts that the services keep."""
    smileys = list(Smiley.objects.offered())
    return {
        "accepted": Smiley.objects.aggregate(total=Sum("accepted_count"))["total"] or 0,
        "participants": Consent.objects.values("participant").distinct().count(),
        "by_smiley": [{"smiley": smiley, "accepted": smiley.accepted_count} for smiley in smileys],
    }
