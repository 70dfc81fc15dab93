"""Telling the broker that a job waits. Failing here loses nothing: the sweep finds what the broker forgot."""

import logging
from collections.abc import Iterable
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from ..models import Job
from .registry import kind

logger = logging.getLogger(__name__)

# One quick second try, for the first message after the broker was restarted; a request must not wait longer.
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
_AT_ONCE: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "timeout": 2}


def announce_on_commit(jobs: Iterable[Job]) -> None:
    transaction.on_commit(lambda: announce(jobs), robust=True)


def announce(jobs: Iterable[Job]) -> int:
    """Send the hints. Returns how many the broker took; for each that it did not, there is a warning in the log."""
    taken = [job.pk for job in jobs if _announce(job)]
    return Job.objects.filter(pk__in=taken).update(announced_at=timezone.now()) if taken else 0


def _announce(job: Job) -> bool:
    try:
        time_limit = kind(job.kind).time_limit
    except KeyError:
        # Left by another version of the site. It must not keep the sweep from the other jobs.
        logger.warning("Nobody here knows this kind of job", extra={"job": str(job.pk), "kind": job.kind})
        return False
    return send(
        "operations.run_job", [str(job.pk)], queue=job.queue, priority=job.priority, time_limit=time_limit
    )


def send(task: str, args: list[str], *, queue: str, **options: Any) -> bool:
    try:
        current_app.send_task(task, args=args, queue=queue, retry=True, retry_policy=_RETRY, **options)
    except Exception as error:  # kombu and redis raise a dozen unrelated types when a broker goes away
        logger.warning(
            "The broker took no message", extra={"task": task, "queue": queue, "error": repr(error)}
        )
        return False
    return True


def depth(queue: str) -> int:
    """Messages waiting in a queue, over all its priorities. Raises what the broker's client raises."""
    with current_app.connection_for_read() as connection:
        connection.ensure_connection(**_AT_ONCE)
        channel: Any = connection.default_channel
        if not hasattr(channel, "priority_steps"):
            return int(channel.queue_declare(queue, passive=True).message_count)
        return sum(channel.client.llen(channel._q_for_pri(queue, step)) for step in channel.priority_steps)


def ping() -> None:
    """Raise unless the broker answers."""
    with current_app.connection_for_read() as connection:
        connection.ensure_connection(**_AT_ONCE)
        client = getattr(connection.default_channel, "client", None)
        if client is not None:
            client.ping()
