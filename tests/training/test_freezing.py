"""Freezing page by page: as a job with its state shown, and beside whatever happens meanwhile."""

import hashlib
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collector.models import Photo, Scope, Smiley, Tombstone
from collector.services import consent_change, participant_withdraw, photo_withdraw
from operations.jobs import running
from operations.jobs.running import LeaseLost, RunningJob
from operations.jobs.services import jobs_release_expired
from operations.models import Job
from operations.problems import Problem
from tests.conftest import wait_until
from tests.operations.conftest import do_round, visitor
from tests.training.beside import Beside, postgresql_only, waiting_for_locks
from training.datasets import dataset_freeze, dataset_latest, dataset_revise, freeze_request
from training.freezing import freeze_execute
from training.models import DatasetItem, DatasetVersion, TrainingRun

committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)
LIST = "/admin/training/datasetversion/"


def claimed() -> RunningJob:
    taken = running.claim(str(freeze_request(actor="staff:alice", announced=False).pk))
    assert taken is not None
    return taken


def lines_of(folder: Path, version: DatasetVersion) -> list[dict[str, str]]:
    content = (folder / version.manifest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == version.sha256
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["photo"] for line in lines] == [
        str(pk) for pk in version.items.order_by("photo_id").values_list("photo_id", flat=True)
    ]
    assert len(lines) == version.photos
    return lines


def manifests(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "datasets").rglob("*.jsonl"))


# --- as a job


@pytest.fixture
def manager(staff: Callable[..., Any]) -> Client:
    client = visitor()
    client.force_login(staff("mona", role="manager"))
    return client


def test_button_asks_for_a_freeze_and_the_page_shows_how_far_it_is(
    people: list[Photo], manager: Client, private_folder: Path
) -> None:
    assert manager.post("/admin/training/freeze/", secure=True).status_code == 302
    assert not DatasetVersion.objects.exists(), "nobody waits for it in a request"
    job = Job.objects.get(kind="training.freeze_dataset")
    assert job.payload == {"actor": "staff:mona"}

    def page() -> str:
        return manager.get(LIST, secure=True).content.decode()

    assert "waits for a worker" in page()
    assert "Freeze what is accepted now" not in page()
    seen: list[str] = []
    running.run(str(job.pk), on_progress=lambda done, total, message: seen.append(page()))
    assert any("Freezing since" in shown and "dividing the people" in shown for shown in seen)
    assert any('max="16" value="16"' in shown for shown in seen)
    assert not any("manifest.jsonl" in shown or ">1</a>" in shown for shown in seen[:-1]), "no draft is shown"
    assert "version 1 is frozen" in page()
    assert "Freeze what is accepted now" in page()
    assert dataset_latest().created_by == "staff:mona"


def test_freeze_that_failed_says_so_and_leads_to_the_reason(people: list[Photo], manager: Client) -> None:
    job = freeze_request(actor="system")
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUARANTINED, error="The disk is full.")
    page = manager.get(LIST, secure=True).content.decode()
    assert "The last freeze failed" in page
    assert f"/admin/operations/job/{job.pk}/change/" in page


def test_without_an_accepted_photo_the_button_says_so_at_once(photo: Photo, manager: Client) -> None:
    page = manager.post("/admin/training/freeze/", secure=True, follow=True).content.decode()
    assert "review some first" in page
    assert not Job.objects.filter(kind="training.freeze_dataset").exists()


def test_page_of_photos_takes_the_same_number_of_queries_however_many_there_are(people: list[Photo]) -> None:
    counted = {}
    dataset_freeze(actor="system")  # from now on everybody stands in a split
    for page in (2, 4, 8):
        DatasetVersion.objects.all().delete()
        job = claimed()
        with CaptureQueriesContext(connection) as queries:
            freeze_execute(job=job, page=page)
        job.finish()
        counted[16 // page] = len(queries)
    assert counted[8] - counted[4] == 2 * (counted[4] - counted[2]), counted
    assert (counted[8] - counted[4]) / 4 <= 16, counted


@pytest.mark.parametrize("page", [1, 3, 16, 100])
def test_size_of_the_pages_makes_no_difference(people: list[Photo], private_folder: Path, page: int) -> None:
    version, _ = dataset_freeze(actor="system")
    sha256 = version.sha256
    DatasetVersion.objects.all().delete()
    freeze_execute(job=claimed(), page=page)
    again = dataset_latest()
    assert (again.sha256, again.photos, again.people) == (sha256, 16, 8)
    lines_of(private_folder, again)


# --- killed


def test_killed_freeze_begins_again_in_the_place_of_its_draft(
    people: list[Photo], private_folder: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int, message: str) -> None:
        if message == "gathering" and done == 8:
            raise Killed

    slow = claimed()
    slow._on_progress = kill
    with pytest.raises(Killed):
        freeze_execute(job=slow, page=8)
    draft = DatasetVersion.objects.get()
    assert draft.draft
    assert draft.items.count() == 8
    with pytest.raises(Problem, match="no data set"):
        dataset_latest()
    Job.objects.filter(pk=slow.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    jobs_release_expired()
    version, new = dataset_freeze(actor="system")
    assert (version.number, version.photos, new) == (1, 16, True)
    with pytest.raises(LeaseLost):
        freeze_execute(job=slow)
    assert DatasetVersion.objects.get() == version
    assert len(lines_of(private_folder, version)) == 16


def test_what_no_version_knows_is_erased_by_a_round(people: list[Photo], private_folder: Path) -> None:
    version, _ = dataset_freeze(actor="system")
    kept = private_folder / version.manifest
    left = kept.with_name("manifest.r0.of-a-killed-freeze.jsonl")
    model = private_folder / "models" / "a-run" / "of-a-killed-training" / "model.keras"
    model.parent.mkdir(parents=True)
    for path in (left, model):
        path.write_text("{}")
    do_round("training.erase_orphans")
    assert left.exists(), "its row may be about to be committed"
    long_ago = (timezone.now() - timedelta(days=1)).timestamp()
    for path in (left, model, kept):
        os.utime(path, (long_ago, long_ago))
    do_round("training.erase_orphans")
    assert (kept.exists(), left.exists(), model.exists()) == (True, False, False)


# --- beside withdrawals


def at_step(job: RunningJob, number: int, act: Callable[[], object]) -> list[str]:
    """Have a freeze interrupted by something else between two of its steps. Returns the steps as they come."""
    steps: list[str] = []

    def step(done: int, total: int, message: str) -> None:
        steps.append(message)
        if len(steps) == number + 1:
            act()

    job._on_progress = step
    return steps


@pytest.mark.database
@pytest.mark.parametrize("way", ["photo", "person", "consent"])
@pytest.mark.parametrize("step", range(7))
@committed
def test_whenever_something_goes_the_version_is_without_it(
    people: list[Photo], private_folder: Path, step: int, way: str
) -> None:
    photo = people[0]
    gone = {str(one.pk) for one in (people[:1] if way == "photo" else people[:2])}
    goes: dict[str, Callable[[], object]] = {
        "photo": lambda: photo_withdraw(photo=photo, actor="participant"),
        "person": lambda: participant_withdraw(participant=photo.participant, actor="participant"),
        "consent": lambda: consent_change(participant=photo.participant, scope=Scope.TRAIN, allowed=False),
    }
    job = claimed()
    steps = at_step(job, step, goes[way])
    freeze_execute(job=job, page=4)
    assert steps[:2] == ["dividing the people", "looking for what is new"]
    assert steps[2:6] == ["gathering"] * 4
    assert len(steps) == 7
    version = dataset_latest()
    for waiting in Job.objects.filter(kind="training.revise_dataset"):
        running.run(str(waiting.pk))
    version.refresh_from_db()
    assert {line["photo"] for line in lines_of(private_folder, version)} == {
        str(one.pk) for one in people
    } - gone
    frozen_before = step == 6
    assert str(version) == ("1.r1" if frozen_before else "1")
    listed = {tuple(stone.dataset_versions) for stone in Tombstone.objects.all()}
    assert listed == ({(1,)} if frozen_before else set() if way == "consent" else {()})


def test_manifest_is_written_again_when_something_goes_while_it_is_written(
    people: list[Photo], private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage is slow, and somebody withdraws before the manifest is in it."""
    from django.core.files.storage import default_storage

    save = default_storage._wrapped._save

    def slow_save(name: str, content: Any) -> str:
        if name.startswith("datasets/") and Photo.objects.count() == 16:
            photo_withdraw(photo=people[0], actor="participant")
        return str(save(name, content))

    monkeypatch.setattr(default_storage._wrapped, "_save", slow_save)
    version, _ = dataset_freeze(actor="system")
    assert (version.photos, version.revision) == (15, 0)
    assert str(people[0].pk) not in {line["photo"] for line in lines_of(private_folder, version)}
    assert manifests(private_folder) == [version.manifest]


@postgresql_only
@pytest.mark.database
@committed
def test_photo_that_is_being_withdrawn_is_waited_for(people: list[Photo], private_folder: Path) -> None:
    """And the withdrawal never waits for the freeze meanwhile, for then both would wait for ever."""
    photo = people[0]
    with transaction.atomic():
        Photo.objects.select_for_update().get(pk=photo.pk)
        freeze = Beside(lambda: dataset_freeze(actor="system"))
        wait_until(lambda: waiting_for_locks() or freeze.done, "the freeze has come as far as it can")
        photo_withdraw(photo=photo, actor="participant")
    version, new = freeze.result()
    assert new
    assert len(lines_of(private_folder, version)) == 15
    assert photo.pk not in set(version.items.values_list("photo_id", flat=True))


@postgresql_only
@pytest.mark.database
@committed
def test_consent_that_is_revoked_while_a_page_is_written_is_honoured(
    people: list[Photo], private_folder: Path
) -> None:
    """The page is held up between reading the consent and its commit, by a lock on something that it refers to."""
    somebody = people[0].participant
    with transaction.atomic():
        list(Smiley.objects.select_for_update())
        freeze = Beside(lambda: dataset_freeze(actor="system"))
        wait_until(lambda: waiting_for_locks() or freeze.done, "the freeze has come as far as it can")
        revocation = Beside(lambda: consent_change(participant=somebody, scope=Scope.TRAIN, allowed=False))
        wait_until(lambda: waiting_for_locks() > 1 or revocation.done, "the revocation has, too")
    revocation.result()
    version, _ = freeze.result()
    assert not DatasetItem.objects.filter(photo__participant=somebody).exists()
    assert len(lines_of(private_folder, version)) == 14


def test_draft_is_nobodys_version(people: list[Photo], manager: Client) -> None:
    draft = DatasetVersion.objects.create(number=1, draft=True, photos=0, people=0, counts={}, created_by="")
    DatasetItem.objects.create(version=draft, photo=people[0], smiley=people[0].smiley, split="train")
    assert manager.get("/admin/training/datasets/1/manifest.jsonl", secure=True).status_code == 404
    assert manager.get(f"{LIST}1/change/", secure=True).status_code == 302
    add = manager.get("/admin/training/trainingrun/add/", secure=True).content.decode()
    assert '<option value="1">' not in add
    with pytest.raises(DatasetVersion.DoesNotExist):
        dataset_revise(number=1)
    photo_withdraw(photo=people[0], actor="participant")
    assert not draft.items.exists()
    assert Tombstone.objects.get().dataset_versions == []
    assert not Job.objects.filter(kind="training.revise_dataset").exists()
    assert not TrainingRun.objects.exists()
