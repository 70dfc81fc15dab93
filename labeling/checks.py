"""What is mixed in to measure reviewers: gold photos, and decided photos that come back. It never decides anything.

Whether a photo comes back is drawn from its id by a keyed hash: nobody can foresee it, and a repeat draws the same.
"""

import secrets
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from collector.models import Participant, Photo, Smiley
from operations.audit import audit_record
from operations.problems import Problem

from .measuring import change_note
from .models import Check, Decision, GoldPhoto, Review

DECIDED = (Photo.State.ACCEPTED, Photo.State.REJECTED)
_AFTER = {Review.Kind.RECHECK: timedelta(days=7), Review.Kind.GRID_CHECK: timedelta(days=1)}


def gold_mark(*, photo: Photo, reviewer: User) -> GoldPhoto:
    """Make a decided photo gold: its decision of today is the answer from now on, whatever becomes of the decision.

    Raises Problem: photo_undecided.
    """
    with transaction.atomic():
        decision = Decision.objects.filter(photo=photo, outcome__in=GoldPhoto.Outcome.values).first()
        if decision is None:
            raise Problem("photo_undecided", "Gold needs an answer: decide the photo first.", status=409)
        gold, new = GoldPhoto.objects.get_or_create(
            photo=photo,
            defaults={"outcome": decision.outcome, "smiley": decision.smiley, "marked_by": reviewer},
        )
        if new:
            actor = f"staff:{reviewer.get_username()}"
            audit_record(actor=actor, action="gold_marked", subject=f"photo:{photo.pk}")
        return gold


def gold_unmark(*, photo: Photo, reviewer: User) -> None:
    """Gold no longer. What reviewers said of it stays."""
    with transaction.atomic():
        if GoldPhoto.objects.filter(photo=photo).delete()[0]:
            Check.objects.filter(photo=photo, kind=Review.Kind.GOLD).delete()
            change_note(photo)
            actor = f"staff:{reviewer.get_username()}"
            audit_record(actor=actor, action="gold_unmarked", subject=f"photo:{photo.pk}")


def check_schedule(*, review: Review, kind: Review.Kind) -> None:
    """Have a share of what is reviewed come back to the same reviewer: a week later, or from the grid a day later."""
    percent = {
        Review.Kind.RECHECK: settings.REVIEW_RECHECK_PERCENT,
        Review.Kind.GRID_CHECK: settings.REVIEW_GRID_CHECK_PERCENT,
    }[kind]
    if _drawn(review.photo_id, kind) < int(percent):
        Check.objects.get_or_create(
            photo_id=review.photo_id,
            reviewer=review.reviewer,
            kind=kind,
            defaults={"due_at": timezone.now() + _AFTER[kind]},
        )


def _drawn(photo_id: uuid.UUID, kind: str) -> int:
    """0 to 99."""
    return int(salted_hmac(f"labeling.checks.{kind}", str(photo_id)).hexdigest()[:8], 16) % 100


def checks_due(reviewer: User, smiley: Smiley | None, *, at_most: int, until: datetime) -> list[Check]:
    """Take photos (of a prompt) that are due to come back to this reviewer."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    due = Check.objects.filter(
        free, reviewer=reviewer, kind__in=list(_AFTER), due_at__lte=timezone.now(), photo__state__in=DECIDED
    )
    if smiley is not None:
        due = due.filter(photo__smiley=smiley)
    checks = list(due.order_by("due_at")[:at_most])
    Check.objects.filter(pk__in=[check.pk for check in checks]).update(claimed_until=until)
    return checks


def gold_draw(
    reviewer: User, own: Participant | None, smiley: Smiley | None, *, slots: int, until: datetime
) -> list[Check]:
    """Take gold photos for about the set share of `slots`: none that this reviewer has judged in any way."""
    wanted = sum(secrets.randbelow(100) < int(settings.REVIEW_GOLD_PERCENT) for _ in range(slots))
    if not wanted:
        return []
    judged = Review.objects.standing().filter(photo=OuterRef("pk"), reviewer=reviewer)
    golds = GoldPhoto.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()), photo__state__in=DECIDED
    ).exclude(Exists(judged))
    if own is not None:
        golds = golds.exclude(photo__participant=own)
    if smiley is not None:
        golds = golds.filter(photo__smiley=smiley)
    # The row itself is marked, so that whoever waited for it sees that it is held.
    taken = list(golds.select_for_update(skip_locked=True, of=("self",)).order_by("?")[:wanted])
    GoldPhoto.objects.filter(pk__in=[gold.pk for gold in taken]).update(claimed_until=until)
    return [
        Check.objects.update_or_create(
            photo_id=gold.pk,
            reviewer=reviewer,
            kind=Review.Kind.GOLD,
            defaults={"due_at": timezone.now(), "claimed_until": until},
        )[0]
        for gold in taken
    ]


def checks_release(*, reviewer: User, photos: Collection[uuid.UUID]) -> None:
    """Put back what was taken of these photos. Gold that was not judged is drawn anew another time."""
    mine = Check.objects.filter(reviewer=reviewer, photo__in=photos)
    golds = list(mine.filter(kind=Review.Kind.GOLD).values_list("photo", flat=True))
    mine.filter(kind=Review.Kind.GOLD).delete()
    mine.update(claimed_until=None)
    GoldPhoto.objects.filter(pk__in=golds).update(claimed_until=None)


def check_of(photo: Photo, reviewer: User) -> Check | None:
    """What this reviewer was handed a decided photo for."""
    handed = Check.objects.filter(photo=photo, reviewer=reviewer, claimed_until__isnull=False)
    return handed.order_by("pk").first()


def check_return(*, review: Review, until: datetime) -> None:
    """Hand the photo to its reviewer again, for the verdict that they took back."""
    Check.objects.update_or_create(
        photo=review.photo,
        reviewer=review.reviewer,
        kind=review.kind,
        defaults={"due_at": timezone.now(), "claimed_until": until},
    )
    GoldPhoto.objects.filter(photo=review.photo).update(claimed_until=until)


def check_done(check: Check) -> None:
    check.delete()
    if check.kind == Review.Kind.GOLD:
        GoldPhoto.objects.filter(pk=check.photo_id).update(claimed_until=None)
