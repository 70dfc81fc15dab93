"""Background jobs: done once, by whoever claims them; never lost, never done twice at once."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.jobs import housekeeping, registry, running
from operations.jobs.running import JobRefused, LeaseLost, RunningJob
from operations.jobs.services import (
    job_enqueue,
    job_retry,
    jobs_announce_lost,
    jobs_enqueue,
    jobs_release_expired,
)
from operations.models import AuditEvent, Job, Round
from tests.conftest import wait_until

State = Job.State
committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def at_once(count: int, act: Callable[[], Any]) -> list[Any]:
    """What `count` threads get that do the same at the same moment; exceptions are results too."""
    start = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        try:
            start.wait()
            results.append(act())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def died(job: Job, attempts: int = 1) -> None:
    """Leave a job as a worker leaves it that is killed in the middle of it."""
    Job.objects.filter(pk=job.pk).update(
        state=State.RUNNING,
        attempts=attempts,
        lease_token=uuid.uuid4(),
        lease_until=timezone.now() - timedelta(seconds=1),
    )


# --- one job


@pytest.mark.django_db
def test_job_is_done_once(noted: Any) -> None:
    job = noted.enqueue("a")
    running.run(str(job.pk))
    running.run(str(job.pk))
    job.refresh_from_db()
    assert (noted.subjects, job.state, job.attempts, job.error) == (["a"], State.DONE, 1, "")
    assert job.finished_at
    assert job.lease_token is None


@pytest.mark.django_db
def test_job_that_is_not_there_is_left_alone(noted: Any) -> None:
    running.run(str(uuid.uuid4()))
    assert noted.subjects == []


@pytest.mark.django_db
def test_waiting_job_for_the_same_subject_is_the_same_job(noted: Any) -> None:
    first = noted.enqueue("a")
    assert noted.enqueue("a") == first
    assert noted.enqueue("b") != first


@pytest.mark.django_db
def test_what_is_asked_for_while_a_job_waits_is_done_with_it(handle: Any) -> None:
    done: list[Any] = []
    name = handle(lambda job: done.append(job.payload))
    job_enqueue(name=name, subject="a", payload={"names": ["one", "two"], "count": 1, "kept": True})
    job = job_enqueue(name=name, subject="a", payload={"names": ["two", "three"], "count": 2})
    running.run(str(job.pk))
    assert done == [{"names": ["one", "two", "three"], "count": 2, "kept": True}]


@pytest.mark.django_db
def test_several_jobs_are_asked_for_in_as_few_queries_as_one(
    handle: Any, django_assert_max_num_queries: Any
) -> None:
    done: list[tuple[str, Any]] = []
    name = handle(lambda job: done.append((job.subject, job.payload)))
    job_enqueue(name=name, subject="b", payload={"names": ["one"]})
    with CaptureQueriesContext(connection) as queries:
        job_enqueue(name=name, subject="alone")
    with django_assert_max_num_queries(len(queries) + 1):  # "b" is asked for more
        jobs = jobs_enqueue(name=name, payloads={subject: {"names": [subject]} for subject in "abc"})
    for job in jobs:
        running.run(str(job.pk))
    assert sorted(done) == [("a", {"names": ["a"]}), ("b", {"names": ["one", "b"]}), ("c", {"names": ["c"]})]
    assert jobs_enqueue(name=name, payloads={}) == []


@pytest.mark.django_db
def test_job_that_gives_way_leaves_its_work_to_the_later_one(handle: Any) -> None:
    def fail(job: RunningJob) -> None:
        job_enqueue(name=name, subject="a", payload={"names": ["later"]})
        raise ValueError

    name = handle(fail)
    running.run(str(job_enqueue(name=name, subject="a", payload={"names": ["first"]}).pk))
    assert Job.objects.get(state=State.QUEUED).payload == {"names": ["first", "later"]}


@pytest.mark.database
@committed
def test_waiting_job_is_not_taken_before_it_can_see_what_it_was_asked_for(handle: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("has one writer at a time anyway")
    seen: list[int] = []
    name = handle(lambda job: seen.append(AuditEvent.objects.filter(action="written").count()))
    job = job_enqueue(name=name, subject="a")
    worker = threading.Thread(target=lambda: (running.run(str(job.pk)), connections.close_all()))

    def waits_or_is_done() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0]) or not worker.is_alive()

    with transaction.atomic():
        AuditEvent.objects.create(actor="system", action="written", subject="a")
        assert job_enqueue(name=name, subject="a") == job
        worker.start()
        wait_until(waits_or_is_done, "the worker has come as far as it can")
    worker.join()
    assert seen == [1]


@pytest.mark.django_db
def test_while_one_runs_the_next_can_wait_but_not_run(handle: Any) -> None:
    seen: list[Any] = []

    def look_again(job: RunningJob) -> None:
        if job.payload:
            return
        later = job_enqueue(name=name, subject="a", payload={"later": True})
        seen.append(later)
        running.run(str(later.pk))
        later.refresh_from_db()
        seen.append(later.state)

    name = handle(look_again)
    running.run(str(job_enqueue(name=name, subject="a").pk))
    later, state_meanwhile = seen
    assert state_meanwhile == State.QUEUED
    running.run(str(later.pk))
    later.refresh_from_db()
    assert later.state == State.DONE


@pytest.mark.django_db
def test_of_jobs_that_run_alone_the_next_waits_whatever_its_subject(handle: Any) -> None:
    seen: list[Any] = []

    def work(job: RunningJob) -> None:
        if job.subject == "a":
            other = job_enqueue(name=name, subject="b")
            running.run(str(other.pk))
            other.refresh_from_db()
            seen.append(other)
            seen.append(other.state)

    name = handle(work, alone=True)
    running.run(str(job_enqueue(name=name, subject="a").pk))
    other, state_meanwhile = seen
    assert state_meanwhile == State.QUEUED
    running.run(str(other.pk))
    other.refresh_from_db()
    assert other.state == State.DONE


@pytest.mark.django_db
def test_job_for_later_is_not_taken_now(noted: Any) -> None:
    job = noted.enqueue(run_after=timezone.now() + timedelta(minutes=1))
    running.run(str(job.pk))
    assert noted.subjects == []


@pytest.mark.django_db
def test_failure_is_tried_again_later_and_quarantined_in_the_end(handle: Any, settings: Any) -> None:
    def fail(job: RunningJob) -> None:
        raise ValueError(f"attempt {job.attempt}")

    job = job_enqueue(name=handle(fail), subject="a")
    waits = []
    for attempt in range(1, settings.JOB_ATTEMPTS + 1):
        Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
        running.run(str(job.pk))
        job.refresh_from_db()
        assert job.attempts == attempt
        assert f"ValueError: attempt {attempt}" in job.error
        waits.append(job.run_after - timezone.now())
        if attempt < settings.JOB_ATTEMPTS:
            assert job.state == State.QUEUED
            running.run(str(job.pk))
            job.refresh_from_db()
            assert job.attempts == attempt, "it was taken before its time"
    assert job.state == State.QUARANTINED
    assert job.finished_at
    assert timedelta(seconds=8) < waits[0] < waits[1] < timedelta(minutes=1)
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.attempts == settings.JOB_ATTEMPTS


@pytest.mark.django_db
def test_refused_job_is_quarantined_at_once_with_its_reason(handle: Any) -> None:
    def refuse(job: RunningJob) -> None:
        raise JobRefused("The photo is no photo.")

    job = job_enqueue(name=handle(refuse), subject="a")
    running.run(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == (State.QUARANTINED, 1, "The photo is no photo.")


@pytest.mark.django_db
def test_failed_job_gives_way_to_one_that_came_later(handle: Any) -> None:
    def fail(job: RunningJob) -> None:
        job_enqueue(name=name, subject="a", payload={"newer": True})
        raise ValueError

    name = handle(fail)
    job = job_enqueue(name=name, subject="a")
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == State.SUPERSEDED
    assert job.finished_at
    assert Job.objects.get(state=State.QUEUED).payload == {"newer": True}


@pytest.mark.django_db
def test_retry_gives_the_attempts_back(noted: Any) -> None:
    job = noted.enqueue(state=State.QUARANTINED, attempts=3, error="broken", finished_at=timezone.now())
    job_retry(job=job)
    assert (job.state, job.attempts, job.error) == (State.QUEUED, 0, "")
    running.run(str(job.pk))
    assert noted.subjects == ["a"]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.DONE, State.RUNNING, State.QUEUED, State.SUPERSEDED])
def test_only_quarantined_jobs_are_tried_again(noted: Any, state: str) -> None:
    job = noted.enqueue(state=state, attempts=2)
    job_retry(job=job)
    assert (job.state, job.attempts) == (state, 2)


@pytest.mark.django_db
def test_progress_is_in_the_row_and_told_to_whoever_runs_it(handle: Any) -> None:
    told: list[Any] = []
    name = handle(lambda job: job.progress(3, 7, "x" * 500))
    job = job_enqueue(name=name, subject="a")
    running.run(str(job.pk), on_progress=lambda *facts: told.append(facts))
    job.refresh_from_db()
    assert (job.progress_done, job.progress_total, len(job.message)) == (3, 7, 200)
    assert told == [(3, 7, "x" * 500)]


@pytest.mark.django_db
def test_job_of_a_kind_that_nobody_knows_holds_nothing_up(
    noted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As after going back to an older version: its room is gone, its job is not."""
    stranger = noted.enqueue("a", kind="gone.with_its_room", run_after=timezone.now() - timedelta(hours=1))
    noted.enqueue("b")
    jobs_announce_lost(queue="bulk", waiting_messages=0)
    housekeeping.sweep()
    running.run(str(stranger.pk))
    stranger.refresh_from_db()
    assert stranger.state in (State.QUEUED, State.QUARANTINED)


# --- leases


@pytest.mark.django_db
def test_expired_lease_is_given_to_somebody_else(noted: Any) -> None:
    job = noted.enqueue()
    died(job)
    assert jobs_release_expired() == 1
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.QUEUED, 1)
    assert "died" in job.error
    running.run(str(job.pk))
    assert noted.subjects == ["a"]


@pytest.mark.django_db
def test_lease_in_force_is_left_alone(noted: Any) -> None:
    job = noted.enqueue()
    assert running.claim(str(job.pk))
    assert jobs_release_expired() == 0
    assert running.claim(str(job.pk)) is None


@pytest.mark.django_db
def test_job_that_kills_its_worker_is_quarantined(noted: Any, settings: Any) -> None:
    job = noted.enqueue()
    for _ in range(settings.JOB_ATTEMPTS):
        assert running.claim(str(job.pk))
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        jobs_release_expired()
    job.refresh_from_db()
    assert job.state == State.QUARANTINED
    assert str(settings.JOB_ATTEMPTS) in job.error


@pytest.mark.django_db
def test_dead_workers_job_gives_way_to_one_that_came_later(noted: Any) -> None:
    job = noted.enqueue()
    died(job)
    later = noted.enqueue()
    assert later != job
    jobs_release_expired()
    job.refresh_from_db()
    later.refresh_from_db()
    assert (job.state, later.state) == (State.SUPERSEDED, State.QUEUED)


@pytest.mark.django_db
def test_whoever_lost_the_lease_writes_nothing(noted: Any) -> None:
    job = noted.enqueue()
    slow = running.claim(str(job.pk))
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    jobs_release_expired()
    other = running.claim(str(job.pk))
    assert slow
    assert other
    for write in (slow.heartbeat, lambda: slow.progress(1, 2)):
        with pytest.raises(LeaseLost):
            write()
    slow.finish()
    slow.fail("too late", final=True)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == (State.RUNNING, 2, "The worker died or was killed.")
    other.finish()
    job.refresh_from_db()
    assert job.state == State.DONE


@pytest.mark.django_db
def test_handler_that_lost_its_lease_stops_and_leaves_the_row(handle: Any) -> None:
    after: list[str] = []

    def lose(job: RunningJob) -> None:
        Job.objects.filter(pk=job.id).update(lease_token=uuid.uuid4())
        job.progress(1, 2)
        after.append("went on")

    job = job_enqueue(name=handle(lose), subject="a")
    running.run(str(job.pk))
    job.refresh_from_db()
    assert after == []
    assert (job.state, job.error) == (State.RUNNING, "")


@pytest.mark.django_db
def test_what_is_written_under_a_lost_lease_is_undone(noted: Any) -> None:
    slow = running.claim(str(noted.enqueue().pk))
    assert slow
    with slow.fenced():
        AuditEvent.objects.create(actor="system", action="in time", subject="a")
    Job.objects.filter(pk=slow.id).update(lease_token=uuid.uuid4())
    with pytest.raises(LeaseLost), slow.fenced():
        AuditEvent.objects.create(actor="system", action="too late", subject="a")
    assert list(AuditEvent.objects.values_list("action", flat=True)) == ["in time"]


@pytest.mark.database
@committed
def test_nobody_takes_a_job_over_while_its_holder_writes(noted: Any) -> None:
    """The lease runs out in the middle of the transaction: the sweep waits for its end, and it was in time."""
    job = noted.enqueue()
    holder = running.claim(str(job.pk))
    assert holder
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    released: list[int] = []
    sweep = threading.Thread(
        target=lambda: (released.append(jobs_release_expired()), connections.close_all())
    )
    with holder.fenced():
        sweep.start()
        AuditEvent.objects.create(actor="system", action="written", subject="a")
    sweep.join()
    job.refresh_from_db()
    assert (released, job.state, job.lease_token) == ([0], State.RUNNING, holder.token)


@pytest.mark.django_db
def test_subject_of_a_dead_worker_is_free_without_waiting_for_the_sweep(noted: Any) -> None:
    dead = noted.enqueue()
    died(dead)
    running.run(str(noted.enqueue().pk))
    dead.refresh_from_db()
    assert (noted.subjects, dead.state) == (["a"], State.SUPERSEDED)


@pytest.mark.django_db
def test_the_database_itself_lets_one_job_run_for_a_subject(noted: Any) -> None:
    assert running.claim(str(noted.enqueue().pk))
    later = noted.enqueue()
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=later.pk).update(state=State.RUNNING)


@pytest.mark.django_db
@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupted_job_is_given_back_at_once(handle: Any, stop: type[BaseException]) -> None:
    interruptions = [stop(), stop(), stop(), stop()]

    def work(job: RunningJob) -> None:
        if interruptions:
            raise interruptions.pop()

    job = job_enqueue(name=handle(work), subject="a")
    for _ in range(4):
        with pytest.raises(stop):
            running.run(str(job.pk))
        job.refresh_from_db()
        assert (job.state, job.attempts, job.lease_token) == (State.QUEUED, 0, None)
    running.run(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.DONE, 1)


@committed
def test_heartbeat_keeps_a_long_job(handle: Any, settings: Any) -> None:
    settings.JOB_LEASE_SECONDS = 0.9
    released: list[int] = []

    def work(job: RunningJob) -> None:
        begun = Job.objects.get(pk=job.id).lease_until
        while Job.objects.get(pk=job.id).lease_until < begun + timedelta(seconds=1.2):
            released.append(jobs_release_expired())
            time.sleep(0.05)

    job = job_enqueue(name=handle(work), subject="a")
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == State.DONE
    assert released
    assert not any(released)
    assert not [thread for thread in threading.enumerate() if thread.name == "job-heartbeat"]


# --- many at once


@pytest.mark.database
@committed
def test_sixteen_claim_one_gets_it(noted: Any) -> None:
    job = noted.enqueue()
    results = at_once(16, lambda: running.claim(str(job.pk)))
    assert not [result for result in results if isinstance(result, Exception)]
    assert sum(result is not None for result in results) == 1
    job.refresh_from_db()
    assert job.attempts == 1


@pytest.mark.database
@committed
def test_eight_enqueue_one_waits(noted: Any) -> None:
    results = at_once(8, noted.enqueue)
    assert not [result for result in results if isinstance(result, Exception)]
    assert len({job.pk for job in results}) == 1
    assert Job.objects.count() == 1


@pytest.mark.database
@committed
def test_two_sweeps_at_once_do_nothing_twice(noted: Any) -> None:
    done: list[int] = []
    name = f"tests.{uuid.uuid4().hex}"
    registry.housekeeping(name, every=timedelta(hours=1))(lambda: done.append(1))
    try:
        for number in range(10):
            died(noted.enqueue(str(number)))
        results = at_once(4, housekeeping.sweep)
    finally:
        registry._housekeeping.pop(name)
    assert not [result for result in results if isinstance(result, Exception)]
    assert done == [1]
    died_once = Job.objects.filter(kind=noted.name)
    assert set(died_once.values_list("state", "attempts")) == {(State.QUEUED, 1)}


# --- the sweep


@pytest.mark.django_db
def test_round_that_breaks_does_not_keep_the_others_from_running() -> None:
    done: list[str] = []

    def broken() -> None:
        raise RuntimeError("a broken round")

    names = [f"tests.{uuid.uuid4().hex}" for _ in range(2)]
    registry.housekeeping(names[0], every=timedelta(hours=1))(broken)
    registry.housekeeping(names[1], every=timedelta(hours=1))(lambda: done.append("done"))
    try:
        housekeeping.sweep()
        housekeeping.sweep()
        assert done == ["done"]
        Round.objects.filter(name=names[1]).update(last_at=timezone.now() - timedelta(hours=1, seconds=1))
        housekeeping.sweep()
        assert done == ["done", "done"]
    finally:
        for name in names:
            registry._housekeeping.pop(name)


@pytest.mark.django_db
def test_finished_jobs_are_forgotten_after_a_week(noted: Any) -> None:
    old, young = timezone.now() - timedelta(days=8), timezone.now() - timedelta(days=6)
    for subject, changes in {
        "old": {"state": State.DONE, "finished_at": old},
        "superseded": {"state": State.SUPERSEDED, "finished_at": old},
        "young": {"state": State.DONE, "finished_at": young},
        "quarantined": {"state": State.QUARANTINED, "finished_at": old},
        "queued": {"created_at": old},
    }.items():
        noted.enqueue(subject, **changes)
    housekeeping.forget_finished_jobs()
    assert set(Job.objects.values_list("subject", flat=True)) == {"young", "quarantined", "queued"}


@pytest.mark.django_db
def test_every_registered_kind_has_a_queue_that_a_worker_serves() -> None:
    for kind in registry._kinds.values():
        assert kind.queue in Job.Queue.values, kind.name
        assert (kind.time_limit is None) == (kind.queue == "train"), kind.name


@pytest.mark.django_db
def test_job_stands_or_falls_with_the_transaction_that_asked_for_it(noted: Any) -> None:
    class Undone(Exception):
        pass

    with contextlib.suppress(Undone), transaction.atomic():
        noted.enqueue()
        raise Undone
    assert not Job.objects.exists()


# --- any order of events


STEPS = ("enqueue", "claim", "finish", "fail", "refuse", "die", "sweep", "retry", "time")


@pytest.mark.django_db
@given(steps=st.lists(st.sampled_from(STEPS), max_size=14))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_happens_at_most_one_waits_and_one_runs(noted: Any, steps: list[str]) -> None:
    with transaction.atomic():
        held: list[RunningJob] = []
        for step in steps:
            queued = Job.objects.filter(kind=noted.name, state=State.QUEUED).first()
            match step:
                case "enqueue":
                    noted.enqueue()
                case "claim" if queued and (claimed := running.claim(str(queued.pk))):
                    held.append(claimed)
                case "finish" if held:
                    held.pop().finish()
                case "fail" if held:
                    held.pop().fail("failed", final=False)
                case "refuse" if held:
                    held.pop().fail("refused", final=True)
                case "die":
                    Job.objects.filter(state=State.RUNNING).update(
                        lease_until=timezone.now() - timedelta(seconds=1)
                    )
                case "sweep":
                    jobs_release_expired()
                case "retry":
                    for job in Job.objects.filter(state=State.QUARANTINED):
                        job_retry(job=job)
                case "time":
                    Job.objects.filter(state=State.QUEUED).update(run_after=timezone.now())
            assert Job.objects.filter(state=State.QUEUED).count() <= 1
            assert Job.objects.filter(state=State.RUNNING).count() <= 1
            unfinished = Job.objects.filter(state__in=(State.QUEUED, State.RUNNING))
            assert not unfinished.exclude(finished_at=None).exists()
            assert not Job.objects.exclude(state=State.RUNNING).exclude(lease_token=None).exists()
        transaction.set_rollback(True)
