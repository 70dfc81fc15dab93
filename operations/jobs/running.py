"""Running one job under a lease that a heartbeat keeps alive."""

import logging
import threading
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from ..models import Job, JobQuerySet
from .registry import kind, runs_alone

logger = logging.getLogger(__name__)
OnProgress = Callable[[int, int, str], None]

_LET_GO = {"lease_token": None, "lease_until": None}


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
        self.said = ""  # what staff are told of it once it is done; empty keeps what progress told last
        self.token = token  # no other attempt at any job has it
        self._on_progress = on_progress

    def _held(self) -> JobQuerySet:
        return Job.objects.filter(pk=self.id, state=Job.State.RUNNING, lease_token=self.token)

    def heartbeat(self, **facts: Any) -> None:
        """Prolong the lease. Raises LeaseLost when the sweep has given the job to somebody else."""
        now = timezone.now()
        if not self._held().update(heartbeat_at=now, lease_until=now + _lease(), **facts):
            raise LeaseLost(f"job {self.id}")

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction that commits only while the job is ours: nobody else can take it before that.

        Raises LeaseLost. Whatever a handler of more than a few seconds writes belongs in one.
        """
        with transaction.atomic():
            self.heartbeat()
            yield

    def progress(self, done: int, total: int, message: str = "") -> None:
        self.heartbeat(progress_done=done, progress_total=total, message=message[:200])
        if self._on_progress is not None:
            self._on_progress(done, total, message)

    def finish(self) -> None:
        said = {"message": self.said[:200]} if self.said else {}
        self._held().update(state=Job.State.DONE, finished_at=timezone.now(), error="", **said, **_LET_GO)

    def fail(self, error: str, *, final: bool) -> None:
        if final or self.attempt >= settings.JOB_ATTEMPTS:
            self._held().update(
                state=Job.State.QUARANTINED, finished_at=timezone.now(), error=error, **_LET_GO
            )
            return
        requeue(self._held(), error=error, delay=timedelta(seconds=10 * 3 ** (self.attempt - 1)))

    def give_back(self) -> None:
        """Leave the job to whoever comes next. That somebody stopped us is no failed attempt."""
        self._held().update(attempts=F("attempts") - 1)
        requeue(self._held(), error="It was interrupted.")


def run(job_id: str, on_progress: OnProgress | None = None) -> None:
    """Claim the job and run its handler; a job that is already held, done or gone is left alone.

    Stopped in the middle by Ctrl-C or by the end of its process, it gives the job back at once.
    """
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
        except BaseException:
            running.give_back()
            raise
        else:
            running.finish()


def claim(job_id: str, on_progress: OnProgress | None = None) -> RunningJob | None:
    """Take a due job, exactly one caller at a time; None when there is nothing to take, or when another job of
    the kind runs for the same subject."""
    candidate = Job.objects.due().filter(pk=job_id).first()
    if candidate is None or _has_to_wait(candidate):
        return None
    token = uuid.uuid4()
    taken = _take(job_id, token)
    if taken is None and release_expired(Job.objects.filter(kind=candidate.kind, subject=candidate.subject)):
        taken = _take(job_id, token)
    return RunningJob(Job.objects.get(pk=job_id), token, on_progress) if taken else None


def _has_to_wait(job: Job) -> bool:
    """Whether its kind runs alone and another is running. The sweep announces it again."""
    running = Job.objects.filter(kind=job.kind, state=Job.State.RUNNING, lease_until__gte=timezone.now())
    return runs_alone(job.kind) and running.exists()


def _take(job_id: str, token: uuid.UUID) -> int | None:
    """1 when the job is ours now, 0 when it is not due any more, None when its subject is taken."""
    now = timezone.now()
    try:
        with transaction.atomic():
            return (
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
    except IntegrityError:
        return None


def release_expired(jobs: JobQuerySet) -> int:
    """Take back those whose worker died: queued again, or quarantined after the last attempt."""
    expired = jobs.lease_expired()
    dead = expired.filter(attempts__gte=settings.JOB_ATTEMPTS).update(
        state=Job.State.QUARANTINED,
        finished_at=timezone.now(),
        error=f"The worker died or was killed in each of {settings.JOB_ATTEMPTS} attempts.",
        **_LET_GO,
    )
    return dead + requeue(expired, error="The worker died or was killed.")


def requeue(jobs: JobQuerySet, *, error: str, delay: timedelta = timedelta()) -> int:
    """Put jobs back into the queue; one for whose subject a later job waits there leaves its work to that one.
    Returns how many it was."""
    return sum(_requeue(jobs.filter(pk=job.pk), job, error, delay) for job in jobs)


def _requeue(mine: JobQuerySet, job: Job, error: str, delay: timedelta) -> int:
    now = timezone.now()
    while True:
        try:
            with transaction.atomic():
                return mine.update(
                    state=Job.State.QUEUED,
                    finished_at=None,
                    run_after=now + delay,
                    error=error,
                    announced_at=None,
                    **_LET_GO,
                )
        except IntegrityError:
            with transaction.atomic():
                twin = waiting(job.kind, [job.subject]).first()
                if twin is None:  # it was taken at this moment: there is room again
                    continue
                left = mine.update(state=Job.State.SUPERSEDED, finished_at=now, error=error, **_LET_GO)
                if left:
                    Job.objects.filter(pk=twin.pk).update(payload=merged(job.payload, twin.payload))
                return left


def waiting(name: str, subjects: Iterable[str]) -> JobQuerySet:
    """The jobs of this kind that wait for the subjects, locked: nobody claims one before the transaction ends."""
    queued = Job.objects.filter(kind=name, subject__in=list(subjects), state=Job.State.QUEUED)
    return queued.select_for_update().order_by("pk")


def merged(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """One payload that asks for what both do: lists are joined, of two other values the newer one holds."""
    lists = {key: older[key] for key, value in newer.items() if isinstance(value, list) and key in older}
    joined = {key: [*old, *(one for one in newer[key] if one not in old)] for key, old in lists.items()}
    return {**older, **newer, **joined}


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
