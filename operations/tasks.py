"""The broker's only tasks. Each is an interface: find the job, run it."""

from celery import shared_task

from . import pulses
from .jobs import housekeeping, running


@shared_task(name="operations.run_job")
def run_job(job_id: str) -> None:
    running.run(job_id)


@shared_task(name="operations.sweep")
def sweep() -> None:
    housekeeping.sweep()


@shared_task(name="operations.canary")
def canary(queue: str) -> None:
    pulses.canary_returned(queue)
