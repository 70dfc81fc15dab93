"""Use cases around background jobs."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..models import Job
from .broker import announce, announce_on_commit
from .registry import kind
from .running import requeue


@transaction.atomic
def job_enqueue(
    *,
    name: str,
    subject: str,
    payload: dict[str, Any] | None = None,
    priority: Job.Priority = Job.Priority.USUAL,
    announced: bool = True,
) -> Job:
    """Write the job's row into the caller's transaction; the broker is told once that has committed.

    A job of this kind that already waits for the same subject is returned instead of a second one. A job that
    is not `announced` is for the caller to run itself, at once; left lying, it is found by the sweep.
    """
    job, created = Job.objects.get_or_create(
        kind=name,
        subject=subject,
        state=Job.State.QUEUED,
        defaults={"payload": payload or {}, "queue": kind(name).queue, "priority": priority},
    )
    if created and announced:
        announce_on_commit(job)
    return job


@transaction.atomic
def job_retry(*, job: Job) -> Job:
    """Give a quarantined job its attempts back."""
    Job.objects.filter(pk=job.pk, state=Job.State.QUARANTINED).update(attempts=0)
    requeue(Job.objects.filter(pk=job.pk, state=Job.State.QUARANTINED), error="")
    job.refresh_from_db()
    if job.state == Job.State.QUEUED:
        announce_on_commit(job)
    return job


def jobs_release_expired() -> int:
    """Take back jobs whose worker died: queued again, or quarantined after the last attempt."""
    expired = Job.objects.lease_expired()
    dead = expired.filter(attempts__gte=settings.JOB_ATTEMPTS).update(
        state=Job.State.QUARANTINED,
        finished_at=timezone.now(),
        lease_token=None,
        error=f"The worker died or was killed in each of {settings.JOB_ATTEMPTS} attempts.",
    )
    released = expired.count()
    requeue(expired, error="The worker died or was killed.")
    return dead + released


def jobs_announce_lost(*, queue: str, waiting_messages: int, at_most: int = 5000) -> int:
    """Tell the broker again about due jobs that it may have forgotten.

    With messages waiting the workers are merely behind, and only jobs announced long ago are suspect;
    with none waiting every due job is. A second announcement is harmless: a job is claimed once.
    """
    patience = timedelta(minutes=10) if waiting_messages else timedelta(seconds=5)
    suspects = Job.objects.due().filter(queue=queue).exclude(announced_at__gte=timezone.now() - patience)
    return sum(announce(job) for job in suspects.order_by("priority", "run_after")[:at_most])
