"""Is the site alive, and is it able to work?"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from .jobs import broker
from .models import Job, QueuePulse
from .private_files import store
from .stores.base import StoreError

CANARY_QUEUES = (Job.Queue.MEDIA, Job.Queue.BULK)
_FRESH = timedelta(seconds=20)
_WAIT_SECONDS = 3.0
_probe = threading.Lock()


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str


def readiness() -> list[Check]:
    """Database, broker, files, and each queue's workers: media and bulk by a task that goes all the way through,
    train by its heartbeat, for a training holds its worker for long."""
    checks = [
        _attempt("database", _database),
        _attempt("broker", broker.ping),
        _attempt("files", lambda: store().check_answers()),
    ]
    if all(check.ok for check in checks):
        checks += _queues()
    return checks


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _attempt(name: str, probe: Callable[[], None]) -> Check:
    try:
        probe()
    except StoreError as error:
        return Check(name, False, str(error))
    except Exception as error:  # whatever a driver raises, the answer is the same
        return Check(name, False, type(error).__name__)
    return Check(name, True, "answers")


def _queues() -> list[Check]:
    silent = [queue for queue in CANARY_QUEUES if not _works(queue)]
    # Only one request at a time waits for canaries, so that asking often costs nothing.
    if silent and _probe.acquire(blocking=False):
        try:
            for queue in silent:
                broker.send("operations.canary", [queue], queue=queue, priority=0, expires=_WAIT_SECONDS)
            deadline = time.monotonic() + _WAIT_SECONDS
            while any(not _works(queue) for queue in silent) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            _probe.release()
    checks = [_verdict(queue, _works(queue), "a task came through") for queue in CANARY_QUEUES]
    seen = QueuePulse.objects.filter(queue=Job.Queue.TRAIN, worker_seen_at__gte=timezone.now() - 3 * _FRESH)
    return [*checks, _verdict(Job.Queue.TRAIN, seen.exists(), "its heart beats")]


def _works(queue: str) -> bool:
    """A canary returned just now, or a job's heartbeat or end was seen: under load the canary would only queue."""
    since = timezone.now() - _FRESH
    return (
        QueuePulse.objects.filter(queue=queue, canary_at__gte=since).exists()
        or Job.objects.filter(queue=queue, finished_at__gte=since).exists()
        or Job.objects.filter(queue=queue, state=Job.State.RUNNING, heartbeat_at__gte=since).exists()
    )


def _verdict(queue: str, ok: bool, proof: str) -> Check:
    return Check(f"worker {queue}", ok, proof if ok else "no sign of life")
