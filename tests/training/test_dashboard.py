"""Managers see on admin's first page how things are; reviewers see nothing of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collector.counts import photo_came
from collector.models import Photo, Smiley
from operations.models import Job, QueuePulse
from tests.collector.conftest import Browser
from training.dashboard import dashboard_figures

pytestmark = pytest.mark.database


def page_of(user: Any) -> str:
    browser = Browser()
    browser.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return str(browser.get("/admin/").content.decode())


def test_figures_are_those_of_the_site(seen_photo: Callable[..., Photo]) -> None:
    for _ in range(4):
        seen_photo()
    for days in (3, 40):
        photo_came(timezone.now() - timedelta(days=days))
    Smiley.objects.filter(slug="tongue").update(accepted_people=7, accepted_count=9)
    Job.objects.all().delete()
    for state, queue in (("queued", "media"), ("queued", "media"), ("running", "bulk"), ("done", "bulk"),
                         ("quarantined", "train")):  # fmt: skip
        Job.objects.create(kind="tests", subject=str(timezone.now()), queue=queue, state=state)
    QueuePulse.objects.create(queue="media", worker_seen_at=timezone.now())
    QueuePulse.objects.create(queue="bulk", worker_seen_at=timezone.now() - timedelta(hours=1))
    figures = dashboard_figures()
    assert (figures["photos_in"], figures["open"], figures["accepted"]) == (5, "4", 9)
    queues = [(one.waiting, one.running, one.quarantined, one.alive) for one in figures["queues"]]
    assert queues == [(2, 0, 0, True), (0, 1, 0, False), (0, 0, 1, False)]
    assert 0 < figures["disk_used"] < 1


def test_managers_see_it_and_reviewers_do_not(staff: Any) -> None:
    assert "How far reviewers agree" in page_of(staff("mona", role="manager"))
    reviewers_page = page_of(staff("rita", role="reviewer"))
    assert "How far reviewers agree" not in reviewers_page
    assert "Review what waits" in reviewers_page


def test_it_takes_as_many_queries_for_many_photos_as_for_few(seen_photo: Callable[..., Photo]) -> None:
    with CaptureQueriesContext(connection) as few:
        dashboard_figures()
    for _ in range(3):
        seen_photo()
    with CaptureQueriesContext(connection) as many:
        dashboard_figures()
    assert len(many) == len(few)
