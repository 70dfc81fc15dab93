"""What staff decide about a participant, of whom they know the photos and nothing else."""

from django.db import transaction
from django.utils import timezone

from operations.audit import audit_record

from .models import Participant, Photo
from .signals import photo_state_changed

_MOST = 100_000


@transaction.atomic
def participant_mute(*, participant: Participant, actor: str) -> None:
    """Their new photos go to quarantine: kept, and shown to no reviewer. Those before stay where they are."""
    if Participant.objects.filter(pk=participant.pk, muted_at=None).update(muted_at=timezone.now()):
        audit_record(actor=actor, action="participant_muted", subject=f"participant:{participant.pk}")


@transaction.atomic
def participant_unmute(*, participant: Participant, actor: str) -> int:
    """Let reviewers see their photos again, those in quarantine too. Returns how many these were."""
    locked = Participant.objects.select_for_update().filter(pk=participant.pk).first()
    if locked is None or locked.muted_at is None:
        return 0
    Participant.objects.filter(pk=locked.pk).update(muted_at=None)
    waiting = Photo.objects.filter(participant=locked, state=Photo.State.QUARANTINE)
    released = list(waiting.select_for_update().order_by("pk"))
    for photo in released:
        Photo.objects.filter(pk=photo.pk).update(state=Photo.State.IN_REVIEW)
        photo_state_changed.send(sender=Photo, photo=photo)
    audit_record(
        actor=actor,
        action="participant_unmuted",
        subject=f"participant:{locked.pk}",
        released=len(released),
    )
    return len(released)


@transaction.atomic
def participant_limit(*, participant: Participant, photos_per_day: int | None, actor: str) -> None:
    """Give somebody a quota of their own, 0 for nothing, None for everybody's. Raises ValueError."""
    if photos_per_day is not None and not 0 <= photos_per_day <= _MOST:
        raise ValueError(f"A quota is 0 to {_MOST:,} photos a day, or empty for everybody's.")
    Participant.objects.filter(pk=participant.pk).update(photos_per_day=photos_per_day)
    audit_record(
        actor=actor,
        action="participant_limited",
        subject=f"participant:{participant.pk}",
        photos_per_day=photos_per_day,
    )
