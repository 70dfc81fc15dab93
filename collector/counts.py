"""Counts that the services keep up as they change rows: photos and people accepted as each smiley, and people who
take part. Counting ten million rows for each page is not an option; once a day the counts are compared with them."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from operations.jobs.registry import housekeeping

from .models import Consent, Photo, Smiley, Tally

logger = logging.getLogger(__name__)

PARTICIPANTS = "participants"  # who have given a consent and are still here


def smileys_lock(ids: Iterable[int | None]) -> None:
    """Hold the counts of these smileys until the transaction ends. Call it once for all, after locking photos.

    So two photos of one person that are decided at once do not both count as a new person. Rows that only refer to
    a smiley are not held up.
    """
    wanted = [pk for pk in ids if pk is not None]
    list(Smiley.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk"))


def accepted_add(smiley_id: int, *, photos: int, people: int) -> None:
    # Never below nothing, which the database refuses: a count that went wrong must not keep anybody from withdrawing.
    Smiley.objects.filter(pk=smiley_id).update(
        accepted_count=Greatest(F("accepted_count") + photos, 0),
        accepted_people=Greatest(F("accepted_people") + people, 0),
    )


def participants_add(by: int) -> None:
    """Call it last in a transaction: everybody who comes or goes waits for this one row."""
    Tally.objects.get_or_create(name=PARTICIPANTS)
    Tally.objects.filter(name=PARTICIPANTS).update(count=Greatest(F("count") + by, 0))


def participants_count() -> int:
    return sum(Tally.objects.filter(name=PARTICIPANTS).values_list("count", flat=True))


@housekeeping("collector.recount", every=timedelta(days=1))
def counts_correct() -> None:
    """Compare every count with the rows, and correct those that went wrong."""
    for smiley in Smiley.objects.all():
        # Only what differs is counted again while decisions wait.
        if _counted(smiley) != (smiley.accepted_count, smiley.accepted_people):
            with transaction.atomic():
                smileys_lock([smiley.pk])
                _correct_smiley(Smiley.objects.get(pk=smiley.pk))
    if participants_count() != _participants_counted():
        with transaction.atomic():
            participants_add(0)  # the row is there, and held
            Tally.objects.filter(name=PARTICIPANTS).update(count=_participants_counted())


def _correct_smiley(smiley: Smiley) -> None:
    photos, people = _counted(smiley)
    if (photos, people) == (smiley.accepted_count, smiley.accepted_people):
        return
    logger.warning(
        "A count was wrong", extra={"smiley": smiley.slug, "was": smiley.accepted_count, "is": photos}
    )
    Smiley.objects.filter(pk=smiley.pk).update(accepted_count=photos, accepted_people=people)


def _counted(smiley: Smiley) -> tuple[int, int]:
    accepted = Photo.objects.filter(accepted_as=smiley)
    return accepted.count(), accepted.values("participant").distinct().count()


def _participants_counted() -> int:
    return Consent.objects.values("participant").distinct().count()
