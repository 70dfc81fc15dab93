"""Reading what was collected."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, QuerySet, Sum

from .counts import participants_count
from .models import Consent, ConsentText, Participant, Photo, Receipt, Smiley, Tombstone
from .wording import ShownSmiley, shown


def consent_text_current(language: str) -> ConsentText:
    """The newest text, in a language, or in English where it is not translated yet."""
    texts = ConsentText.objects.order_by("-version")
    newest: ConsentText = texts.filter(language="en")[:1].get()
    return texts.filter(language=language, version__gte=newest.version).first() or newest


def consent_in_force(participant: Participant) -> Consent | None:
    return participant.consents.select_related("text").order_by("-agreed_at", "-pk").first()


def consent_that_holds(participant: Participant | None) -> Consent | None:
    """The consent under which this person may send photos now: not revoked, and to the text of today."""
    given = consent_in_force(participant) if participant is not None else None
    if given is None or not given.train:
        return None
    return given if given.text.version == consent_text_current(given.text.language).version else None


def receipt_held(participant: Participant | None) -> bool:
    """Whether somebody has a code that brings them back to their photos."""
    return participant is not None and Receipt.objects.filter(participant=participant).exists()


def smiley_next(participant: Participant | None, skipped: Collection[str]) -> Smiley | None:
    """The smiley that the collection needs most among those this person has neither sent nor skipped.

    What it needs is people, for twenty photos of one face teach little about faces. The target is the same for
    all, so the one that the fewest people made is the farthest from it. Nothing is counted here.
    """
    waiting = Smiley.objects.offered().exclude(slug__in=skipped).exclude(slug__in=smileys_done(participant))
    return waiting.order_by("accepted_people", "accepted_count", "order").first()


def smileys_done(participant: Participant | None) -> list[str]:
    if participant is None:
        return []
    sent = Photo.objects.filter(participant=participant).exclude(state=Photo.State.REJECTED)
    return list(sent.order_by("smiley__order").values_list("smiley__slug", flat=True).distinct())


def photos_of(participant: Participant) -> QuerySet[Photo]:
    return participant.photos.select_related("smiley", "accepted_as").order_by("-created_at", "pk")


def examples_of(smiley: Smiley, but_of: Participant | None) -> QuerySet[Photo]:
    """How others did it: the newest accepted photos of people who allow it, and none of one's own."""
    photos = Photo.objects.examples().filter(accepted_as=smiley).order_by("-created_at")
    return photos.exclude(participant=but_of) if but_of is not None else photos


def smileys_shown() -> list[ShownSmiley]:
    """All that are offered, in the reader's language."""
    return [shown(smiley) for smiley in Smiley.objects.offered()]


def collection_progress() -> dict[str, Any]:
    """How far the collection is, from the counts that the services keep."""
    target = int(settings.COUNT_TARGET)
    smileys = list(Smiley.objects.offered())
    return {
        "accepted": Smiley.objects.aggregate(total=Sum("accepted_count"))["total"] or 0,
        "participants": participants_count(),
        "target": target,
        "by_smiley": [
            {
                "smiley": shown(smiley),
                "people": smiley.accepted_people,
                "reached": smiley.accepted_people >= target,
            }
            for smiley in smileys
        ],
    }


def tombstones_state() -> str:
    """Differs whenever a tombstone was added: none ever goes."""
    facts = Tombstone.objects.aggregate(count=Count("pk"), latest=Max("withdrawn_at"))
    return f"{facts['count']}-{facts['latest'].timestamp() if facts['latest'] else 0}"
