"""The use cases of labeling by people: reviews, decisions, imported labels."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from collector.models import Participant, Photo, Smiley
from collector.services import photo_decided, photo_withdraw
from operations.audit import audit_record
from operations.problems import Problem

from .checks import check_done, check_of, check_return, check_schedule
from .claims import LEASE
from .decisions import REJECTED, Outcome, count, decide
from .measuring import change_note
from .models import Check, Decision, DroppedDuplicate, QueueEntry, Review
from .queue import entry_refresh, queue_of
from .signals import decision_changed

UNDO = timedelta(hours=1)
_LONGEST = 3600.0  # seconds; beyond, somebody went away and left the page open


@transaction.atomic
def review_record(
    *,
    photo: Photo,
    reviewer: User,
    verdict: str,
    smiley: Smiley | None = None,
    reason: str = "",
    own: Participant | None = None,
    mode: str = Review.Mode.SINGLE,
    seconds: float | None = None,
) -> Review:
    """Record a verdict and what the photo's reviews now add up to.

    A photo that waits gets a review that counts; a decided one only what this reviewer was handed it for: a recheck,
    a check of the grid, or gold. `own` is the participant whose cookie is in the reviewer's browser.

    Raises Problem: photo_gone, photo_hidden, photo_decided, photo_claimed, own_photo, reviewed_before,
    verdict_incomplete.
    """
    current = _lock(photo)
    if own is not None and own.pk == current.participant_id:
        raise Problem(
            "own_photo", "This photo was sent from this browser: somebody else has to judge it.", status=409
        )
    if (verdict == Review.Verdict.OTHER) != (smiley is not None) or (
        verdict == Review.Verdict.REJECT
    ) != bool(reason):
        raise Problem("verdict_incomplete", "Another smiley needs its name, and a rejection its reason.")
    check = _check_asked(current, reviewer)
    try:
        with transaction.atomic():
            review = Review.objects.create(
                photo=current,
                reviewer=reviewer,
                kind=check.kind if check else Review.Kind.DECIDE,
                mode=mode,
                verdict=verdict,
                smiley=smiley,
                reason=reason,
                seconds=None if seconds is None else min(max(seconds, 0.0), _LONGEST),
            )
    except IntegrityError:
        raise _reviewed_before() from None
    _audit(reviewer, "photo_reviewed", current, verdict=verdict, kind=review.kind)
    if check is not None:
        check_done(check)
    elif mode == Review.Mode.GRID and verdict == Review.Verdict.MATCH:
        check_schedule(review=review, kind=Review.Kind.GRID_CHECK)
    decision_update(photo=current)
    QueueEntry.objects.filter(photo=current, claimed_by=reviewer).update(claimed_by=None, claimed_until=None)
    return review


def _check_asked(photo: Photo, reviewer: User) -> Check | None:
    """None when the photo waits for a review that counts, else what the reviewer was handed it for. Raises Problem."""
    if photo.state == Photo.State.HIDDEN:
        raise Problem(
            "photo_hidden",
            "Somebody called this photo indecent or under age: a manager looks after it. Go on with the next.",
            status=409,
        )
    if Photo.objects.awaiting_review().filter(pk=photo.pk).exists():
        held = QueueEntry.objects.held().filter(photo=photo, claimed_by__isnull=False)
        if held.exclude(claimed_by=reviewer).exists():
            raise Problem(
                "photo_claimed", "Somebody else is looking at this photo: go on with the next.", status=409
            )
        return None
    check = check_of(photo, reviewer)
    if check is None:
        if photo.reviews.counting().filter(reviewer=reviewer).exists():
            raise _reviewed_before()
        raise Problem("photo_decided", "This photo was decided meanwhile: go on with the next.", status=409)
    return check


@transaction.atomic
def review_undo(*, review_id: int, reviewer: User) -> Photo:
    """Take one's own verdict back; the photo is handed to the same reviewer again. Returns the photo.

    Raises Problem: review_unknown, undo_too_late.
    """
    photo, current = _lock_own(review_id, reviewer)
    if current.created_at < timezone.now() - UNDO:
        raise Problem("undo_too_late", "This verdict is more than an hour old: ask a manager.", status=409)
    if current.revealed_at is not None:
        raise Problem(
            "undo_too_late", "You have seen what others said: this verdict is not blind any more.", status=409
        )
    Review.objects.filter(pk=current.pk).update(set_aside_at=timezone.now())
    Check.objects.filter(photo=photo, reviewer=reviewer, kind=Review.Kind.GRID_CHECK).delete()
    _audit(reviewer, "review_undone", photo, verdict=current.verdict, kind=current.kind)
    decision_update(photo=photo)
    until = timezone.now() + LEASE
    if current.kind == Review.Kind.DECIDE:
        free = QueueEntry.objects.free().filter(photo=photo)
        free.update(claimed_by=reviewer, claimed_until=until)
    else:
        check_return(review=current, until=until)
    photo.refresh_from_db()
    return photo


@transaction.atomic
def review_reveal(*, review_id: int, reviewer: User) -> list[Review]:
    """What others said of a photo, for who has judged it. Their own verdict stands from now on: it was given blind.

    Raises Problem: review_unknown, photo_gone.
    """
    photo, current = _lock_own(review_id, reviewer)
    Review.objects.filter(pk=current.pk, revealed_at=None).update(revealed_at=timezone.now())
    return list(photo.reviews.counting().exclude(reviewer=reviewer).select_related("smiley").order_by("pk"))


@transaction.atomic
def photo_reopen(*, photo: Photo, reviewer: User) -> Decision:
    """Let a photo be judged anew by anybody. What was said is set aside and stays as history; so does the decision
    that an import brought along. A hidden photo is seen again.

    Raises Problem: photo_gone.
    """
    current = _lock(photo)
    voiced = current.reviews.standing()
    for review in voiced:
        if review.kind == Review.Kind.DECIDE or review.hides:
            Review.objects.filter(pk=review.pk).update(set_aside_at=timezone.now())
    Decision.objects.update_or_create(photo=current, defaults={"reopened_at": timezone.now()})
    DroppedDuplicate.objects.filter(photo=current).delete()
    _audit(reviewer, "photo_reopened", current, state=current.state)
    return decision_update(photo=current)


@transaction.atomic
def hidden_settle(*, photo: Photo, reviewer: User, remove: bool) -> None:
    """Remove a hidden photo for good, as its owner could, or open it again. Raises Problem: photo_gone, photo_seen."""
    current = _lock(photo)
    if current.state != Photo.State.HIDDEN:
        raise Problem("photo_seen", "Somebody else has seen to this photo meanwhile.", status=409)
    if remove:
        photo_withdraw(photo=current, actor=f"staff:{reviewer.get_username()}")
    else:
        photo_reopen(photo=current, reviewer=reviewer)


@transaction.atomic
def label_import(*, photo: Photo, smiley: Smiley) -> Decision:
    """Accept an imported photo as its label, until reviewers decide otherwise."""
    current = _lock(photo)
    Decision.objects.update_or_create(photo=current, defaults={"imported_as": smiley})
    return decision_update(photo=current)


@transaction.atomic
def decision_update(*, photo: Photo) -> Decision:
    """Bring a photo's decision in line with its reviews, and tell everybody when it changed."""
    change_note(photo)
    rule = queue_of(photo.smiley).rule
    decision = Decision.objects.select_related("imported_as").get_or_create(photo=photo)[0]
    reviews = list(photo.reviews.standing().select_related("smiley", "reviewer"))
    ballots = [review.ballot for review in reviews]
    outcome, tally = decide(photo.smiley.slug, ballots, rule), count(photo.smiley.slug, ballots)
    decision.votes, decision.ballots, decision.by_reviews = tally.votes, tally.ballots, tally.satisfies(rule)
    if outcome.state == Decision.Outcome.OPEN and decision.imported_as and not decision.reopened_at:
        outcome = Outcome(Decision.Outcome.ACCEPTED, decision.imported_as.slug)
    if outcome.state != Decision.Outcome.HIDDEN and DroppedDuplicate.objects.filter(photo=photo).exists():
        outcome = REJECTED
    smiley = Smiley.objects.get(slug=outcome.smiley) if outcome.smiley else None
    if (decision.outcome, decision.smiley_id) == (outcome.state, smiley.pk if smiley else None):
        decision.save()
        entry_refresh(photo=photo)
        return decision
    before = decision.outcome
    decision.outcome, decision.smiley, decision.changed_at = outcome.state, smiley, timezone.now()
    decision.save()
    if decision.by_reviews and tally.ballots == 1:
        alone = next(review for review in reviews if review.kind == Review.Kind.DECIDE)
        check_schedule(review=alone, kind=Review.Kind.RECHECK)
    photo_decided(
        photo=photo,
        accepted_as=smiley,
        open_again=outcome.state == Decision.Outcome.OPEN,
        hidden=outcome.state == Decision.Outcome.HIDDEN,
    )
    decision_changed.send(sender=Decision, photo=photo, decision=decision, before=before)
    return decision


def _lock(photo: Photo) -> Photo:
    try:
        return Photo.objects.select_for_update(of=("self",)).select_related("smiley").get(pk=photo.pk)
    except Photo.DoesNotExist:
        raise Problem("photo_gone", "This photo was withdrawn: go on with the next.", status=404) from None


def _lock_own(review_id: int, reviewer: User) -> tuple[Photo, Review]:
    """A standing verdict of this reviewer, and its photo, locked."""
    mine = Review.objects.standing().filter(pk=review_id, reviewer=reviewer)
    given = mine.select_related("photo").first()
    if given is not None:
        photo = _lock(given.photo)
        if current := mine.first():  # not undone at this moment
            return photo, current
    raise Problem("review_unknown", "There is no such verdict of yours, or it is undone already.", status=404)


def _reviewed_before() -> Problem:
    return Problem("reviewed_before", "You have reviewed this photo already.", status=409)


def _audit(reviewer: User, action: str, photo: Photo, **details: object) -> None:
    actor = f"staff:{reviewer.get_username()}"
    audit_record(actor=actor, action=action, subject=f"photo:{photo.pk}", **details)
