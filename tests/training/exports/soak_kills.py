"""SIGKILL of the process that freezes or exports, at 20 random points each, with files in a folder and in an object
store: run again it gives the same hash, nothing half is ever offered meanwhile, and the sweep leaves nothing over."""

import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boto3.s3.transfer import TransferConfig
from django.core.files.storage import default_storage
from django.db import connections
from django.http import Http404
from django.utils import timezone

from collector.models import Participant
from operations.jobs import running
from operations.jobs.services import jobs_release_expired
from operations.models import Job
from operations.problems import Problem
from operations.stores import care, objects
from operations.stores.base import PrivateStore
from operations.stores.spool import spool_folder
from tests.conftest import jpeg
from tests.labeling.conftest import newcomer
from tests.operations.conftest import do_round, visitor
from tests.storage import all_names
from training.datasets import freeze_request
from training.exports.models import Export
from training.exports.services import export_link, export_request
from training.models import DatasetItem, DatasetVersion, SplitAssignment

from .conftest import accepted_photo

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(1800),
]

KILLS = 20
PEOPLE = 24
_PART = 5 * 1024 * 1024  # so that an export is uploaded in several


@pytest.fixture
def population(
    either_store: PrivateStore, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> list[Participant]:
    """People with two photos each, of noise, which no JPEG makes small: an export of 17 MB."""
    monkeypatch.setattr(
        objects, "_TRANSFER", TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART)
    )
    monkeypatch.setattr(care, "_LONGEST_UPLOAD", -care._LONGEST_UPLOAD)
    settings.ORPHAN_HOURS, settings.JOB_ATTEMPTS, settings.MASKS_PER_FACE = -1, 1000, 0
    random_ = np.random.default_rng(1)
    people = [newcomer() for _ in range(PEOPLE)]
    for number in range(2 * PEOPLE):
        picture = jpeg(random_.integers(0, 256, (480, 640, 3), np.uint8), quality=92)
        accepted_photo(("tongue", "grin")[number % 2], people[number // 2], number, data=picture)
    return people


def freeze() -> str:
    """Ask for a freeze; returns the job."""
    return str(freeze_request(actor="soak", announced=False).pk)


def export() -> str:
    version = DatasetVersion.objects.frozen().get()
    return str(export_request(version=version, format="imagefolder", actor="soak", announced=False)[1].pk)


def frozen_hash() -> str:
    return DatasetVersion.objects.frozen().get().sha256


def exported_hash() -> str:
    done = Export.objects.exclude(ready_at=None).get()
    return done.sha256


def unfreeze() -> None:
    DatasetItem.objects.all().delete()
    DatasetVersion.objects.all().delete()
    SplitAssignment.objects.all().delete()
    Job.objects.all().delete()


def unexport() -> None:
    Export.objects.all().delete()
    Job.objects.all().delete()


@contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    """A process of its own, with connections of its own."""
    connections.close_all()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    yield pid


def killed_after(job: str, seconds: float) -> bool:
    """Whether it was killed before it had ended."""
    with child(lambda: running.run(job)) as pid:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def done_in(job: str) -> float:
    began = time.monotonic()
    with child(lambda: running.run(job)) as pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    took = time.monotonic() - began
    state = Job.objects.get(pk=job)
    assert state.state == Job.State.DONE, state.error
    return took


def what_is_offered() -> list[str]:
    """Take all that is offered at this moment; returns what is not what it is said to be."""
    wrong = []
    for version in DatasetVersion.objects.frozen():
        with suppress(FileNotFoundError), default_storage.open(version.manifest, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != version.sha256:
                wrong.append(f"manifest {version.manifest}")
            continue
        if DatasetVersion.objects.filter(pk=version.pk, manifest=version.manifest).exists():
            wrong.append(f"no manifest {version.manifest}")
    for one in Export.objects.exclude(ready_at=None):
        with suppress(Problem, Http404):
            answer = visitor().get(
                f"/api/v1/exports/files/{export_link(export=one, actor='x')}/", secure=True
            )
            if answer.status_code != 200:
                continue  # it is not there at all: nothing half
            data = b"".join(answer.streaming_content)
            if hashlib.sha256(data).hexdigest() != one.sha256 or len(data) != one.size:
                wrong.append(f"export {one.file}")
    return wrong


@contextmanager
def looked_at_all_the_time(report: Path) -> Iterator[None]:
    def look() -> None:
        with report.open("w") as out:
            while True:
                out.write("".join(f"{one}\n" for one in what_is_offered()) + ".\n")
                out.flush()
                time.sleep(0.05)

    with child(look) as pid:
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("what", ["freeze", "export"])
def test_killed_at_random_points_and_run_again(
    what: str,
    population: list[Participant],
    either_store: PrivateStore,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    ask, result, rows_go = (
        (freeze, frozen_hash, unfreeze) if what == "freeze" else (export, exported_hash, unexport)
    )
    if what == "export":
        done_in(freeze())
        Job.objects.all().delete()
    before = all_names(either_store)
    lasts = done_in(ask())
    expected, files = result(), len(all_names(either_store) - before)

    def undo() -> None:
        rows_go()
        for name in all_names(either_store) - before:
            default_storage.delete(name.partition(" ")[0])

    undo()
    assert all_names(either_store) == before

    points, killed, left, again, at = random.Random(6), 0, 0, 0.0, Counter[str]()
    polls = tmp_path / "polls"
    with looked_at_all_the_time(polls):
        while killed < KILLS:
            job = ask()
            was_killed = killed_after(job, points.uniform(0, lasts))
            state = Job.objects.get(pk=job)
            if not was_killed or state.state != Job.State.RUNNING:
                undo()  # too early or too late: nothing was interrupted
                continue
            killed += 1
            at[state.message or "claimed"] += 1
            left += len(all_names(either_store) - before)
            assert what_is_offered() == []
            Job.objects.filter(pk=job).update(lease_until=timezone.now())  # as if its lease had run out
            assert jobs_release_expired() == 1
            again = max(again, done_in(job))
            assert result() == expected
            for piece in ("training.erase_orphans", "operations.drop_unfinished"):
                do_round(piece)
            there = all_names(either_store)
            assert len(there - before) == files, there - before
            assert list(spool_folder().iterdir()) == []
            undo()
            assert all_names(either_store) == before
    looks = polls.read_text().splitlines()
    assert set(looks) == {"."}, sorted(set(looks))
    print(
        f"\n{what} on {request.node.callspec.params['either_store']}: {lasts:.2f} s undisturbed, {killed} killed at"
        f" {dict(at)}, {left} files left by them, looked {len(looks)} times, longest second run {again:.2f} s"
    )
