"""Jobs and a real broker: what is announced, and what happens while nobody listens."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from celery.beat import Scheduler
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from kombu import pools

from collector.services import photo_withdraw
from operations.jobs import broker as jobs_broker
from operations.jobs import housekeeping
from operations.jobs.services import job_enqueue, jobs_announce_lost
from operations.launch import broker as launch_broker
from operations.models import Job
from tests.conftest import wait_until

pytestmark = [pytest.mark.broker, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
QUEUES = ("media", "bulk", "train")


@pytest.fixture
def queues(broker: str) -> Iterator[None]:
    """The broker with empty queues, before and after."""
    empty()
    yield
    empty()


def empty() -> None:
    with current_app.connection_for_write() as connection:
        for queue in QUEUES:
            connection.default_channel.queue_purge(queue)


def messages(queue: str = "bulk") -> list[list[Any]]:
    """The arguments of what waits in a queue, taken out."""
    taken = []
    with current_app.connection_for_read() as connection, connection.SimpleQueue(queue) as simple:
        while True:
            try:
                message = simple.get_nowait()
            except simple.Empty:
                return taken
            message.ack()
            taken.append(message.payload[0])


def test_committed_job_is_announced_in_its_queue(queues: None, noted: Any) -> None:
    with transaction.atomic():
        job = noted.enqueue()
        assert jobs_broker.depth("bulk") == 0, "nothing is said before it is true"
    assert jobs_broker.depth("bulk") == 1
    assert jobs_broker.depth("media") == 0
    job.refresh_from_db()
    assert job.announced_at
    assert messages() == [[str(job.pk)]]


def test_job_of_an_undone_transaction_is_not_announced(queues: None, noted: Any) -> None:
    with contextlib.suppress(RuntimeError), transaction.atomic():
        noted.enqueue()
        raise RuntimeError
    assert jobs_broker.depth("bulk") == 0


def test_waiting_job_is_announced_once(queues: None, noted: Any) -> None:
    for _ in range(3):
        noted.enqueue("a")
    assert jobs_broker.depth("bulk") == 1


def test_depth_counts_every_priority(queues: None, broker: str) -> None:
    for priority in (0, 3, 9):
        assert jobs_broker.send("operations.canary", ["media"], queue="media", priority=priority)
    assert jobs_broker.depth("media") == 3


def test_sweep_announces_what_was_lost_and_only_that(queues: None, noted: Any) -> None:
    now = timezone.now()
    # subject: what the row says, found when nothing waits in the queue, found when workers are merely behind
    cases: dict[str, tuple[dict[str, Any], bool, bool]] = {
        "never announced": ({"announced_at": None}, True, True),
        "just announced": ({"announced_at": now}, False, False),
        "announced a minute ago": ({"announced_at": now - timedelta(minutes=1)}, True, False),
        "announced an hour ago": ({"announced_at": now - timedelta(hours=1)}, True, True),
        "for later": ({"announced_at": None, "run_after": now + timedelta(hours=1)}, False, False),
        "done": ({"announced_at": None, "state": Job.State.DONE}, False, False),
        "of another queue": ({"announced_at": None, "queue": "media"}, False, False),
    }
    for waiting, column in ((0, 1), (2, 2)):
        Job.objects.all().delete()
        for subject, (changes, *_) in cases.items():
            noted.enqueue(subject, **changes)
        empty()
        expected = {subject for subject, case in cases.items() if case[column]}
        assert jobs_announce_lost(queue="bulk", waiting_messages=waiting) == len(expected)
        ids = [arguments[0] for arguments in messages()]
        assert {Job.objects.get(pk=pk).subject for pk in ids} == expected
        assert len(ids) == len(expected)


def test_sweep_repeats_nothing_while_every_job_has_its_message(queues: None, noted: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    for number in range(4):
        noted.enqueue(str(number), announced_at=long_ago)
    assert jobs_broker.depth("bulk") == 4
    for _ in range(3):
        housekeeping.sweep()
    assert jobs_broker.depth("bulk") == 4
    noted.enqueue("lost", announced_at=None)
    messages()
    for number in range(4):
        jobs_broker.send("operations.run_job", [str(number)], queue="bulk", priority=3)
    housekeeping.sweep()
    assert [str(Job.objects.get(subject="lost").pk)] in messages()


def test_sweep_that_a_busy_worker_does_not_come_to_is_dropped_for_the_next(
    queues: None, settings: Any
) -> None:
    beat = Scheduler(app=current_app, lazy=True)
    beat.setup_schedule()
    beat.apply_entry(beat.schedule["sweep"])
    with current_app.connection_for_read() as connection, connection.SimpleQueue("bulk") as simple:
        message = simple.get_nowait()
        message.ack()
    until = datetime.fromisoformat(message.headers["expires"])
    assert until <= timezone.now() + timedelta(seconds=settings.SWEEP_SECONDS)


def test_second_sweep_right_after_announces_nothing(queues: None, noted: Any) -> None:
    noted.enqueue(announced_at=None)
    empty()
    housekeeping.sweep()
    housekeeping.sweep()
    assert jobs_broker.depth("bulk") == 1


def test_retry_is_announced(queues: None, noted: Any) -> None:
    from operations.jobs.services import job_retry

    job = noted.enqueue(state=Job.State.QUARANTINED, attempts=3)
    empty()
    job_retry(job=job)
    assert messages() == [[str(job.pk)]]


def test_job_for_the_caller_itself_is_announced_only_when_it_is_left_lying(queues: None, noted: Any) -> None:
    from operations.jobs.services import job_enqueue

    job_enqueue(name=noted.name, subject="a", announced=False)
    assert jobs_broker.depth("bulk") == 0
    housekeeping.sweep()
    assert jobs_broker.depth("bulk") == 1


class OwnBroker:
    """A broker of one test's own, to be killed and stopped."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="smielfy-"))
        for name in ("run", "broker"):
            (self.folder / name).mkdir(mode=0o700)
        self.socket = launch_broker.socket_path(self.folder)
        self.url = f"redis+socket://{self.socket}?virtual_host=0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        configuration = self.folder / "run" / "redis.conf"
        configuration.write_text(launch_broker.configuration(self.folder))
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [str(launch_broker.find_server()), str(configuration)], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, "the broker answers")

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait(10)


@pytest.fixture
def own_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnBroker]:
    own = OwnBroker()
    former = current_app.conf.broker_url
    current_app.conf.broker_url = own.url
    _forget_connections()
    yield own
    own.signal(signal.SIGCONT)
    own.signal(signal.SIGKILL)
    current_app.conf.broker_url = former
    _forget_connections()
    shutil.rmtree(own.folder, ignore_errors=True)


def _forget_connections() -> None:
    current_app.amqp._producer_pool = None
    current_app._pool = None
    pools.reset()


def test_killed_broker_loses_no_job_and_holds_up_no_request(own_broker: OwnBroker, noted: Any) -> None:
    noted.enqueue("before")
    assert jobs_broker.depth("bulk") == 1
    own_broker.signal(signal.SIGKILL)
    start = time.monotonic()
    lost = noted.enqueue("meanwhile")
    assert time.monotonic() - start < 2
    lost.refresh_from_db()
    assert (lost.state, lost.announced_at) == (Job.State.QUEUED, None)
    start = time.monotonic()
    housekeeping.sweep()  # does not find it either, and goes on with its rounds all the same
    assert time.monotonic() - start < 3
    own_broker.start()
    housekeeping.sweep()
    assert [str(lost.pk)] in messages()


def test_first_message_after_a_restart_gets_through(own_broker: OwnBroker, noted: Any) -> None:
    assert noted.enqueue("before")
    assert jobs_broker.depth("bulk") == 1
    own_broker.signal(signal.SIGKILL)
    own_broker.start()
    job = noted.enqueue("after")
    job.refresh_from_db()
    assert job.announced_at
    assert [str(job.pk)] in messages()


def test_broker_that_hangs_holds_a_request_up_for_three_timeouts_at_most(
    own_broker: OwnBroker, noted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(current_app.conf.broker_transport_options, "socket_timeout", 0.5)
    noted.enqueue("before")
    assert jobs_broker.depth("bulk") == 1
    own_broker.signal(signal.SIGSTOP)
    start = time.monotonic()
    job = noted.enqueue("meanwhile")
    assert time.monotonic() - start < 3
    own_broker.signal(signal.SIGCONT)
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED


def test_cache_counts_for_throttles(broker: str) -> None:
    cache.set("tests-one", 1, 5)
    assert cache.get("tests-one") == 1
    cache.delete("tests-one")


def test_somebody_who_waits_goes_before_a_thousand_who_do_not(queues: None, noted: Any) -> None:
    imported = [noted.enqueue(str(number), priority=Job.Priority.BACKLOG) for number in range(3)]
    waited_for = noted.enqueue("a volunteer's", priority=Job.Priority.WAITED_FOR)
    assert jobs_broker.depth("bulk") == 4
    assert messages() == [[str(job.pk)] for job in (waited_for, *imported)]


def test_what_was_withdrawn_is_erased_before_a_backlog(photo: Any, queues: None, handle: Any) -> None:
    """In the queue whose jobs take seconds, for each of the others may be held for hours."""
    usual = handle(lambda job: None, queue="media")
    for number in range(3):
        job_enqueue(name=usual, subject=str(number))
    photo_withdraw(photo=photo, actor="participant")
    forgetting = Job.objects.filter(kind__in=("collector.log_forgetting", "collector.erase_files"))
    assert {job for [job] in messages("media")[:2]} == {str(job.pk) for job in forgetting}
