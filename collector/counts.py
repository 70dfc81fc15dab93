"""Counts that the services keep up as they change rows: photos and people accepted as each smiley, and people who
take part. Counting ten million rows for each page is not an option; once a day the counts are compared with them.
Photos that came in each day are counted, too, once and for all: whoever takes one back has sent it all the same."""

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

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
    _tally_add(PARTICIPANTS, by)


def participants_count() -> int:
    return sum(Tally.objects.filter(name=PARTICIPANTS).values_list("count", flat=True))


def photo_came(at: datetime) -> None:
    """Call it last in a transaction, as `participants_add`."""
    _tally_add(photos_of(at.astimezone(UTC).date()), 1)


def photos_a_day(*, until: date, days: int) -> list[tuple[date, int]]:
    """So many days up to `until`, the oldest first, by the clock of UTC, with how many photos came in."""
    named = {photos_of(day): day for day in (until - timedelta(days=back) for back in reversed(range(days)))}
    counts = dict(Tally.objects.filter(name__in=named).values_list("name", "count"))
    return [(day, counts.get(name, 0)) for name, day in named.items()]


def photos_of(day: date) -> str:
    """The name of a day's tally."""
    return f"photos of {day.isoformat()}"


def _tally_add(name: str, by: int) -> None:
    added = F("count") + by
    if not Tally.objects.filter(name=name).update(count=Greatest(added, 0)):
        Tally.objects.get_or_create(name=name)  # somebody else may have begun it at this moment
        Tally.objects.filter(name=name).update(count=Greatest(added, 0))


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
