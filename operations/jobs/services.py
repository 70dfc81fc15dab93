"""Use cases around background jobs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from ..models import Job
from .broker import announce, announce_on_commit
from .registry import kind
from .running import merged, release_expired, requeue, waiting

_TRIES = 5


def job_enqueue(
    *,
    name: str,
    subject: str,
    payload: dict[str, Any] | None = None,
    priority: Job.Priority = Job.Priority.USUAL,
    announced: bool = True,
) -> Job:
    """Write the job's row into the caller's transaction; the broker is told once that has committed.

    A job of this kind that already waits for the same subject is returned instead of a second one. It is not
    taken before the caller's transaction ends, so that it sees what the caller has written, and it does what is
    asked for now as well: lists in the payloads are joined, of two other values the newer one holds.
    A job that is not `announced` is for the caller to run itself, at once; left lying, it is found by the sweep.
    """
    (job,) = jobs_enqueue(
        name=name, payloads={subject: payload or {}}, priority=priority, announced=announced
    )
    return job


@transaction.atomic
def jobs_enqueue(
    *,
    name: str,
    payloads: Mapping[str, dict[str, Any]],
    priority: Job.Priority = Job.Priority.USUAL,
    announced: bool = True,
) -> list[Job]:
    """`job_enqueue` for each subject with its payload, in as few queries as for one."""
    for _ in range(_TRIES):
        twins = {job.subject: job for job in waiting(name, payloads)}
        for subject, twin in twins.items():
            if (both := merged(twin.payload, payloads[subject])) != twin.payload:
                twin.payload = both
                twin.save(update_fields=["payload"])
        new = [
            Job(kind=name, subject=subject, payload=payload, queue=kind(name).queue, priority=priority)
            for subject, payload in payloads.items()
            if subject not in twins
        ]
        try:
            with transaction.atomic():
                Job.objects.bulk_create(new)
        except IntegrityError:
            continue  # somebody else was first, and it may be running already
        if announced and new:
            announce_on_commit(new)
        return [*twins.values(), *new]
    raise RuntimeError(f"Jobs {name} came and went {_TRIES} times while they were asked for.")


@transaction.atomic
def job_retry(*, job: Job) -> Job:
    """Give a quarantined job its attempts back."""
    Job.objects.filter(pk=job.pk, state=Job.State.QUARANTINED).update(attempts=0)
    requeue(Job.objects.filter(pk=job.pk, state=Job.State.QUARANTINED), error="")
    job.refresh_from_db()
    if job.state == Job.State.QUEUED:
        announce_on_commit([job])
    return job


def jobs_release_expired() -> int:
    """Take back jobs whose worker died: queued again, or quarantined after the last attempt."""
    return release_expired(Job.objects.all())


def jobs_announce_lost(*, queue: str, waiting_messages: int, at_most: int = 5000) -> int:
    """Tell the broker again about due jobs that it may have forgotten.

    With no message waiting that is every due job. With some the workers are merely behind: no more can be lost
    than there are jobs without a message, and only those announced long ago. A second announcement does no harm,
    for a job is claimed once, but thousands of them at each sweep would be in the way of the work.
    """
    due = Job.objects.due().filter(queue=queue)
    lost = due.count() - waiting_messages
    patience = timedelta(minutes=10) if waiting_messages else timedelta(seconds=5)
    suspects = due.exclude(announced_at__gte=timezone.now() - patience)
    first = suspects.order_by("priority", F("announced_at").asc(nulls_first=True))
    return announce(first[: max(0, min(lost, at_most))])
