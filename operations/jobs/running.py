"""Running one job under a lease that a heartbeat keeps alive."""

import logging
import threading
import traceback
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from ..models import Job
from .registry import kind

logger = logging.getLogger(__name__)
OnProgress = Callable[[int, int, str], None]


class JobRefused(Exception):
    """The job can never succeed; its message says why. It is quarantined at once, without further attempts."""


class LeaseLost(Exception):
    """Somebody else holds this job by now: stop, and write nothing."""


class RunningJob:
    """What a handler sees of its job: the subject, the payload, and how to tell how far it is."""

    def __init__(self, job: Job, token: uuid.UUID, on_progress: OnProgress | None = None) -> None:
        self.id = job.pk
        self.subject: str = job.subject
        self.payload: dict[str, Any] = job.payload
        self.attempt: int = job.attempts
        self._token = token
        self._on_progress = on_progress

    def _held(self) -> Any:
        return Job.objects.filter(pk=self.id, state=Job.State.RUNNING, lease_token=self._token)

    def heartbeat(self, **facts: Any) -> None:
        """Prolong the lease. Raises LeaseLost when the sweep has given the job to somebody else."""
        now = timezone.now()
        if not self._held().update(heartbeat_at=now, lease_until=now + _lease(), **facts):
            raise LeaseLost(f"job {self.id}")

    def progress(self, done: int, total: int, message: str = "") -> None:
        self.heartbeat(progress_done=done, progress_total=total, message=message[:200])
        if self._on_progress is not None:
            self._on_progress(done, total, message)

    def finish(self) -> None:
        self._held().update(
            state=Job.State.DONE, finished_at=timezone.now(), error="", lease_token=None, lease_until=None
        )

    def fail(self, error: str, *, final: bool) -> None:
        if final or self.attempt >= settings.JOB_ATTEMPTS:
            self._held().update(
                state=Job.State.QUARANTINED,
                finished_at=timezone.now(),
                error=error,
                lease_token=None,
                lease_until=None,
            )
            return
        requeue(self._held(), error=error, delay=timedelta(seconds=10 * 3 ** (self.attempt - 1)))


def run(job_id: str, on_progress: OnProgress | None = None) -> None:
    """Claim the job and run its handler; a job that is already held, done or gone is left alone."""
    running = claim(job_id, on_progress)
    if running is None:
        return
    job = Job.objects.get(pk=running.id)
    with _Heart(running):
        try:
            kind(job.kind).handler(running)
        except JobRefused as refusal:
            running.fail(str(refusal), final=True)
        except LeaseLost:
            logger.warning("Lost the lease of a job", extra={"job": str(job.pk), "kind": job.kind})
        except Exception:
            logger.exception("A job failed", extra={"job": str(job.pk), "kind": job.kind})
            running.fail(traceback.format_exc(limit=-8), final=False)
        else:
            running.finish()


def claim(job_id: str, on_progress: OnProgress | None = None) -> RunningJob | None:
    """Take a due job, exactly one caller at a time; None when there is nothing to take."""
    now, token = timezone.now(), uuid.uuid4()
    candidate = Job.objects.due().filter(pk=job_id).first()
    if candidate is None or _same_subject_runs(candidate):
        return None
    taken = (
        Job.objects.due()
        .filter(pk=job_id)
        .update(
            state=Job.State.RUNNING,
            attempts=F("attempts") + 1,
            lease_token=token,
            lease_until=now + _lease(),
            heartbeat_at=now,
            started_at=now,
        )
    )
    return RunningJob(Job.objects.get(pk=job_id), token, on_progress) if taken else None


def requeue(jobs: Any, *, error: str, delay: timedelta = timedelta()) -> None:
    """Put held jobs back into the queue, unless a later job for the same subject waits there already."""
    for job in jobs:
        twin = Job.objects.filter(kind=job.kind, subject=job.subject, state=Job.State.QUEUED).exists()
        jobs.filter(pk=job.pk).update(
            state=Job.State.SUPERSEDED if twin else Job.State.QUEUED,
            finished_at=timezone.now() if twin else None,
            run_after=timezone.now() + delay,
            error=error,
            announced_at=None,
            lease_token=None,
            lease_until=None,
        )


def _same_subject_runs(job: Job) -> bool:
    return Job.objects.filter(kind=job.kind, subject=job.subject, state=Job.State.RUNNING).exists()


def _lease() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


class _Heart:
    """Beats from a thread of its own; jobs shorter than a third of the lease never open its connection."""

    def __init__(self, running: RunningJob) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="job-heartbeat")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(settings.JOB_LEASE_SECONDS / 3):
                try:
                    self._running.heartbeat()
                except LeaseLost:
                    return  # the handler's own next write will find out
                except Exception:
                    # One hiccup of the database must not cost a healthy job its lease: the next beat tries again.
                    logger.exception("A heartbeat failed", extra={"job": str(self._running.id)})
                    connection.close()
        finally:
            connection.close()
