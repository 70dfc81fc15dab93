"""The sweep: what is done each minute, and the rounds that higher rooms register."""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from ..models import Job, Round
from .broker import depth
from .registry import all_housekeeping, housekeeping
from .services import jobs_announce_lost, jobs_release_expired

logger = logging.getLogger(__name__)

KEEP_FINISHED = timedelta(days=7)


def sweep() -> None:
    """One sweep. Safe to run twice at once, for every step is an UPDATE … WHERE."""
    jobs_release_expired()
    for queue in Job.Queue.values:
        _announce_lost(queue)
    for piece in all_housekeeping():
        if not round_begin(piece.name, piece.every):
            continue
        try:
            piece.run()
        except Exception:
            # One broken round must not keep the others, nor the next sweep, from running.
            logger.exception("A round failed", extra={"round": piece.name})


def _announce_lost(queue: str) -> None:
    try:
        waiting = depth(queue)
    except Exception as error:  # whatever the client raises: the rounds need no broker
        logger.warning("The broker does not tell what waits", extra={"queue": queue, "error": repr(error)})
        return
    jobs_announce_lost(queue=queue, waiting_messages=waiting)


def round_begin(name: str, every: timedelta) -> bool:
    """True for exactly one caller per `every`."""
    now = timezone.now()
    created = Round.objects.get_or_create(name=name, defaults={"last_at": now})[1]
    return created or bool(Round.objects.filter(name=name, last_at__lte=now - every).update(last_at=now))


def round_note(name: str, at: datetime) -> None:
    """Note by hand when something was last done, of which no round says when it is due."""
    Round.objects.update_or_create(name=name, defaults={"last_at": at})


def round_last(name: str) -> datetime | None:
    return Round.objects.filter(name=name).values_list("last_at", flat=True).first()


@housekeeping("operations.forget_finished_jobs", every=timedelta(hours=1))
def forget_finished_jobs() -> None:
    before: datetime = timezone.now() - KEEP_FINISHED
    while ids := list(Job.objects.finished_before(before).values_list("pk", flat=True)[:5000]):
        Job.objects.filter(pk__in=ids).delete()
