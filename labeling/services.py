"""The use cases of labeling by people: reviews, decisions, imported labels."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from collector.models import Participant, Photo, Smiley
from collector.services import photo_decided
from operations.audit import audit_record
from operations.problems import Problem

from .decisions import Ballot, Outcome, decide
from .models import Decision, Review
from .signals import decision_changed


@transaction.atomic
def review_record(
    *,
    photo: Photo,
    reviewer: User,
    verdict: str,
    smiley: Smiley | None = None,
    reason: str = "",
    own: Participant | None = None,
) -> Review:
    """Record a verdict and what the photo's reviews now add up to.

    Raises Problem: photo_gone, photo_decided, own_photo, reviewed_before, verdict_incomplete.
    """
    current = _lock(photo)
    if not Photo.objects.awaiting_review().filter(pk=current.pk).exists():
        raise Problem("photo_decided", "This photo was decided meanwhile: go on with the next.", status=409)
    if own is not None and own.pk == current.participant_id:
        raise Problem(
            "own_photo", "This photo was sent from this browser: somebody else has to judge it.", status=409
        )
    if (verdict == Review.Verdict.OTHER) != (smiley is not None) or (
        verdict == Review.Verdict.REJECT
    ) != bool(reason):
        raise Problem("verdict_incomplete", "Another smiley needs its name, and a rejection its reason.")
    try:
        with transaction.atomic():
            review = Review.objects.create(
                photo=current, reviewer=reviewer, verdict=verdict, smiley=smiley, reason=reason
            )
    except IntegrityError:
        raise Problem("reviewed_before", "You have reviewed this photo already.", status=409) from None
    audit_record(
        actor=f"staff:{reviewer.get_username()}",
        action="photo_reviewed",
        subject=f"photo:{photo.pk}",
        verdict=verdict,
    )
    decision_update(photo=current)
    return review


@transaction.atomic
def label_import(*, photo: Photo, smiley: Smiley) -> Decision:
    """Accept an imported photo as its label, until reviewers decide otherwise."""
    current = _lock(photo)
    Decision.objects.update_or_create(photo=current, defaults={"imported_as": smiley})
    return decision_update(photo=current)


@transaction.atomic
def decision_update(*, photo: Photo) -> Decision:
    """Bring a photo's decision in line with its reviews, and tell everybody when it changed."""
    decision = Decision.objects.select_related("imported_as").get_or_create(photo=photo)[0]
    reviews = photo.reviews.filter(kind=Review.Kind.DECIDE).select_related("smiley")
    outcome = decide(
        photo.smiley.slug,
        [Ballot(review.verdict, review.smiley.slug if review.smiley else None) for review in reviews],
        quorum=settings.REVIEW_QUORUM,
    )
    if outcome.state == Decision.Outcome.OPEN and decision.imported_as is not None:
        outcome = Outcome(Decision.Outcome.ACCEPTED, decision.imported_as.slug)
    smiley = Smiley.objects.get(slug=outcome.smiley) if outcome.smiley else None
    if (decision.outcome, decision.smiley_id) == (outcome.state, smiley.pk if smiley else None):
        return decision
    decision.outcome, decision.smiley, decision.changed_at = outcome.state, smiley, timezone.now()
    decision.save()
    photo_decided(photo=photo, accepted_as=smiley, open_again=outcome.state == Decision.Outcome.OPEN)
    decision_changed.send(sender=Decision, photo=photo, decision=decision)
    return decision


def _lock(photo: Photo) -> Photo:
    try:
        return Photo.objects.select_for_update(of=("self",)).select_related("smiley").get(pk=photo.pk)
    except Photo.DoesNotExist:
        raise Problem("photo_gone", "This photo was withdrawn: go on with the next.", status=404) from None
