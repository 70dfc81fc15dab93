"""Signs of life: a canary that flies through broker and worker, and the workers' own heartbeat."""

import time
from typing import Any

from celery import current_app
from celery.signals import heartbeat_sent
from django.utils import timezone

from .models import Job, QueuePulse
from .signals import worker_beats

_PULSE_SECONDS = 10
_last_pulse = 0.0


def canary_returned(queue: str) -> None:
    QueuePulse.objects.update_or_create(queue=queue, defaults={"canary_at": timezone.now()})


def worker_pulse(queues: list[str]) -> None:
    for queue in queues:
        QueuePulse.objects.update_or_create(queue=queue, defaults={"worker_seen_at": timezone.now()})


@heartbeat_sent.connect
def _on_heartbeat(**kwargs: Any) -> None:
    """Celery beats every two seconds in the worker's main process; the database needs to hear it less often."""
    global _last_pulse
    if time.monotonic() - _last_pulse < _PULSE_SECONDS:
        return
    _last_pulse = time.monotonic()
    worker_pulse([queue for queue in current_app.amqp.queues.consume_from if queue in Job.Queue.values])
    worker_beats.send_robust(sender=None)  # which logs what a receiver raises
