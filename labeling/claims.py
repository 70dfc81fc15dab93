"""Who holds what: photos are handed to one reviewer at a time, under a lease.

The lease runs out by itself, for nobody tells when a browser is closed. A verdict that comes after it is still
welcome as long as nobody else holds the photo.
"""

import secrets
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from collector.models import Participant, Photo, Smiley
from operations.problems import Problem

from .checks import checks_due, checks_release, gold_draw
from .filters import QueueFilter
from .models import Check, QueueEntry, Review
from .models.queue import QueueEntryQuerySet

LEASE = timedelta(minutes=10)
MOST_HELD = 200
_CHECKS_OF = 4  # while the queue lasts one in so many comes back for a second look


@transaction.atomic
def claims_take(
    *,
    reviewer: User,
    own: Participant | None,
    mode: str,
    wanted: QueueFilter,
    count: int,
    holding: Collection[uuid.UUID] = (),
) -> list[Photo]:
    """Hand the reviewer up to `count` photos that are worth most to be judged, and nobody else the same.

    For the grid they have one prompt, the filter's or that of the best photo, and none is hard. Gold, and in the
    single mode photos that come back, are mixed in. `holding` are the photos still in front of the reviewer: their
    lease begins anew. `own` is the participant whose cookie is in the reviewer's browser, stored nowhere.

    Raises Problem: too_many_claims.
    """
    until = timezone.now() + LEASE
    _renew(reviewer, holding, until)
    if QueueEntry.objects.held().filter(claimed_by=reviewer).count() + count > MOST_HELD:
        raise Problem(
            "too_many_claims", f"You hold {MOST_HELD} photos already: judge these first.", status=409
        )
    entries = wanted.apply(waiting_for(reviewer, own)).exclude(pk__in=holding)
    smiley = wanted.smiley
    if mode == Review.Mode.GRID:
        entries = entries.filter(hard=False)
        if smiley is None:
            best = wanted.best_first(entries.free()).select_related("smiley").first()
            smiley = best.smiley if best else None
        if smiley is not None:
            entries = entries.filter(smiley=smiley)
    # First what writes rows that refer to photos, then the entries: the order in which everybody locks.
    golds, due, mixed_in = _mix(reviewer, own, mode, wanted, smiley, entries, count, until)
    taken = _take(wanted.best_first(entries), reviewer, count - mixed_in, until)
    room = count - len(golds) - len(taken)
    checks_release(reviewer=reviewer, photos=[check.photo_id for check in due[room:]])
    for check in [*golds, *due[:room]]:
        taken.insert(secrets.randbelow(len(taken) + 1), check.photo_id)
    photos = Photo.objects.select_related("smiley").in_bulk(taken)
    return [photos[pk] for pk in taken if pk in photos]


def waiting_for(reviewer: User, own: Participant | None) -> QueueEntryQuerySet:
    """What waits for this reviewer: nothing they have reviewed, and nothing of their own."""
    entries = QueueEntry.objects.not_reviewed_by(reviewer)
    return entries.exclude(photo__participant=own) if own is not None else entries


@transaction.atomic
def claims_release(*, reviewer: User, photos: Collection[uuid.UUID]) -> None:
    """Let go of these photos, as far as this reviewer holds them."""
    held = QueueEntry.objects.filter(photo__in=photos, claimed_by=reviewer)
    held.update(claimed_by=None, claimed_until=None)
    checks_release(reviewer=reviewer, photos=photos)


def _renew(reviewer: User, holding: Collection[uuid.UUID], until: datetime) -> None:
    free = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    entries = QueueEntry.objects.filter(Q(claimed_by=reviewer) | free, photo__in=holding)
    entries.not_reviewed_by(reviewer).update(claimed_by=reviewer, claimed_until=until)
    Check.objects.filter(reviewer=reviewer, photo__in=holding, claimed_until__isnull=False).update(
        claimed_until=until
    )


def _mix(
    reviewer: User,
    own: Participant | None,
    mode: str,
    wanted: QueueFilter,
    smiley: Smiley | None,
    entries: QueueEntryQuerySet,
    count: int,
    until: datetime,
) -> tuple[list[Check], list[Check], int]:
    """Gold, what comes back, and how many of both to mix in: all, when nothing else waits, else about one in four."""
    if wanted.conditions:  # what does not fit the filter would show that it is mixed in
        return [], [], 0
    others = entries.free().exists()
    golds = gold_draw(reviewer, own, smiley, slots=count, until=until) if others else []
    single = mode == Review.Mode.SINGLE
    due = checks_due(reviewer, smiley, at_most=count - len(golds), until=until) if single else []
    share = sum(secrets.randbelow(_CHECKS_OF) == 0 for _ in range(count)) if others else count
    return golds, due, len(golds) + min(len(due), share)


def _take(best: QueueEntryQuerySet, reviewer: User, count: int, until: datetime) -> list[uuid.UUID]:
    best = best.select_for_update(skip_locked=True, of=("self",), no_key=True)
    taken = [entry.pk for entry in best.free()[:count]]
    if len(taken) < count:
        # Held in another window of the same reviewer, or in one that crashed: rather twice than not at all.
        elsewhere = best.held().filter(claimed_by=reviewer).exclude(pk__in=taken)
        taken += [entry.pk for entry in elsewhere[: count - len(taken)]]
    QueueEntry.objects.filter(pk__in=taken).update(claimed_by=reviewer, claimed_until=until)
    return taken
