import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.test.client import ClientHandler

from operations.jobs import registry
from operations.jobs.registry import Handler, job_handler
from operations.jobs.services import job_enqueue
from operations.models import Job


@cache
def _handler() -> ClientHandler:
    return ClientHandler(enforce_csrf_checks=False)


def visitor(**defaults: Any) -> Client:
    """A client on the handler that all share, for each new one would look through all static files first."""
    client = Client(**defaults)
    client.handler = _handler()
    return client


def do_round(name: str) -> None:
    """Do a registered piece of housekeeping now."""
    next(piece for piece in registry.all_housekeeping() if piece.name == name).run()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Hashing is slow on purpose, and no test here is about that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def handle() -> Iterator[Callable[[Handler], str]]:
    """Register a function as the handler of a kind of its own; returns the kind's name."""
    names = []

    def register(handler: Handler, queue: str = "bulk", *, alone: bool = False) -> str:
        name = f"tests.{uuid.uuid4().hex[:8]}"
        job_handler(name, queue=queue, time_limit=60, alone=alone)(handler)
        names.append(name)
        return name

    yield register
    for name in names:
        registry._kinds.pop(name)


@pytest.fixture
def noted(handle: Any) -> Any:
    """A kind of job that notes its subject: `noted.name`, `noted.subjects`."""

    class Noted:
        subjects: list[str] = []

        def __init__(self) -> None:
            self.subjects = []
            self.name = handle(lambda job: self.subjects.append(job.subject))

        def enqueue(
            self, subject: str = "a", priority: Job.Priority = Job.Priority.USUAL, **changes: Any
        ) -> Job:
            job = job_enqueue(name=self.name, subject=subject, priority=priority)
            if changes:
                Job.objects.filter(pk=job.pk).update(**changes)
                job.refresh_from_db()
            return job

    return Noted()
