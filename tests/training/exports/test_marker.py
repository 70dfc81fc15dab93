"""A photo with a marker in its pixels is withdrawn at every step of a freeze, a pack and an export, and after them:
nothing holds it then, neither a file nor the database with its free pages and its write-ahead log."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from collector.models import Participant, Photo
from collector.services import photo_withdraw
from operations.jobs import running
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job
from operations.stores import local
from tests.conftest import jpeg
from tests.labeling.conftest import newcomer
from tests.operations.conftest import do_round
from training import manifests, packing, shards
from training.datasets import dataset_freeze, freeze_request
from training.exports import building
from training.exports.models import Export
from training.exports.services import export_request
from training.freezing import freeze_execute
from training.models import DatasetVersion, PackShard
from training.packing import dataset_pack

from .conftest import accepted_photo, noise

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="looks into SQLite's own files"),
]


class Planted:
    """A photo that looks like no other, and what would betray that it was there."""

    def __init__(self, participant: Participant, number: int) -> None:
        self.photo = accepted_photo("grin", participant, 7000 + number, data=jpeg(noise(5000 + number)))
        face = self.photo.faces.get()
        kept = [self._middle(self.photo.file), self._middle(face.crop)]
        from labeling.crops import crop_read

        pixels = crop_read(face.crop, 48).tobytes()
        self.marks = [*kept, pixels[3000:3040], self.photo.sha256.encode()]

    def _middle(self, name: str) -> bytes:
        with default_storage.open(name) as file:
            data = file.read()
        return data[len(data) // 2 :][:40]

    def withdraw(self) -> None:
        photo_withdraw(photo=Photo.objects.get(pk=self.photo.pk), actor="participant")
        work("collector.erase_files")

    def found_in(self, *folders: Path) -> list[str]:
        places = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        database = Path(connection.settings_dict["NAME"])
        places += [database.with_name(database.name + end) for end in ("", "-wal")]
        there = [(path, path.read_bytes()) for path in places if path.exists()]
        return [str(path) for path, data in there if any(mark in data for mark in self.marks)]


def work(*kinds: str) -> None:
    """Do what waits, as the workers do."""
    while waiting := list(Job.objects.filter(kind__in=kinds, state=Job.State.QUEUED).order_by("created_at")):
        for job in waiting:
            running.run(str(job.pk))


def work_all() -> None:
    work("collector.erase_files", "training.revise_dataset", "training.export")


@pytest.fixture
def few(private_folder: Path) -> Participant:
    """Four accepted photos of two people; returns one of them."""
    people = [newcomer(), newcomer()]
    for number in range(4):
        accepted_photo("tongue", people[number % 2], number)
    return people[0]


class Steps:
    """Calls `then` at the step with a given number; a step is whatever tells of progress or touches a file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken, self.at, self.then = 0, -1, lambda: None
        for owner, name in (
            (RunningJob, "progress"),
            (local.os, "replace"),
            (local, "_sync_folder"),
            (manifests.Manifest, "store"),
            (building.WrittenBehind, "sha256"),
            (building, "_offer"),
            (building, "_begin"),
            (shards, "_begin"),
            (shards, "_write"),
            (shards, "_offer"),
            (packing, "_fetch"),
        ):
            monkeypatch.setattr(owner, name, self._stepping(getattr(owner, name)))

    def _stepping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            self._step()
            done = call(*arguments, **named)
            self._step()
            return done

        return stepping

    def _step(self) -> None:
        # Inside a transaction nobody else can write: a withdrawal waits until it is over.
        if transaction.get_connection().in_atomic_block:
            return
        self.taken += 1
        if self.taken == self.at + 1:
            self.then()


def each_step(
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[int], Callable[[], None]],
    planted: Callable[[int], Planted],
) -> Iterator[Planted]:
    """Do the same work again and again, a planted photo being withdrawn one step later each time."""
    at = 0
    while True:
        marked = planted(at)
        job = prepare(at)
        with monkeypatch.context() as patched:
            steps = Steps(patched)
            steps.at, steps.then = at, marked.withdraw
            job()
        if steps.taken <= at:
            assert at > 5, "there are steps"
            return
        work_all()
        yield marked
        at += 1


def run_with_small_pages(kind: str, subject: str, execute: Callable[..., None]) -> None:
    job = running.claim(str(job_enqueue(name=kind, subject=subject, announced=False).pk))
    assert job is not None
    execute(job=job, page=2)
    job.finish()


def test_withdrawn_at_any_step_of_a_freeze(
    few: Participant, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(at: int) -> Callable[[], None]:
        def freeze() -> None:
            job = running.claim(str(freeze_request(actor="system", announced=False).pk))
            assert job is not None
            freeze_execute(job=job, page=2)
            job.finish()

        return freeze

    for marked in each_step(monkeypatch, prepare, lambda at: Planted(few, at)):
        assert marked.found_in(private_folder, Path(settings.DATA_DIR)) == []
        for version in DatasetVersion.objects.frozen():
            assert str(marked.photo.pk).encode() not in (private_folder / version.manifest).read_bytes()


def test_withdrawn_at_any_step_of_an_export(
    few: Participant, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(at: int) -> Callable[[], None]:
        version, _ = dataset_freeze(actor="system")
        export, _ = export_request(version=version, format="imagefolder", actor="x", announced=False)
        return lambda: run_with_small_pages("training.export", str(export.pk), building.export_execute)

    for marked in each_step(monkeypatch, prepare, lambda at: Planted(few, 100 + at)):
        assert marked.found_in(private_folder, Path(settings.DATA_DIR)) == []
        newest = Export.objects.latest("created_at")
        assert newest.ready_at is not None
        with default_storage.open(newest.file) as file:
            listed = file.read().count(str(marked.photo.pk).encode())
        assert listed == 1, "as a tombstone, and nowhere else"


@pytest.mark.parametrize("format", ["webdataset", "parquet", "coco", "masked", "kaggle"])
def test_withdrawn_after_an_export(format: str, few: Participant, private_folder: Path) -> None:
    marked = Planted(few, 300)
    export, job = export_request(
        version=dataset_freeze(actor="system")[0], format=format, actor="x", announced=False
    )
    running.run(str(job.pk))
    assert len(marked.found_in(private_folder)) >= (2 if format in ("masked", "kaggle") else 3)
    marked.withdraw()
    work_all()
    assert marked.found_in(private_folder, Path(settings.DATA_DIR)) == []
    export.refresh_from_db()
    assert export.ready_at is not None


def test_withdrawn_at_any_step_of_a_pack(
    few: Participant, private_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a training does, which is ended and packs anew when something leaves its version."""

    class Withdrawn(Exception):
        pass

    def prepare(at: int) -> Callable[[], None]:
        version, _ = dataset_freeze(actor="system")
        out = tmp_path / f"pack{at}"

        def pack() -> None:
            left = version.items.count()

            def watch() -> None:
                if version.items.count() != left:
                    raise Withdrawn

            try:
                dataset_pack(version=version, size=48, out=out, watch=watch)
                watch()
            except Withdrawn:
                shutil.rmtree(out, ignore_errors=True)
                pack()

        return pack

    monkeypatch.setattr(shards, "_LEAST", 4)  # two shards
    monkeypatch.setattr(shards, "_MOST", 4)
    for marked in each_step(monkeypatch, prepare, lambda at: Planted(few, 400 + at)):
        assert marked.found_in(private_folder, tmp_path, Path(settings.DATA_DIR)) == []
        do_round("training.tidy_packs")
        files = [path for path in (private_folder / "packs").rglob("*") if path.is_file()]
        assert len(files) == PackShard.objects.exclude(ready_at=None).count() > 0


def test_withdrawn_after_a_pack(few: Participant, private_folder: Path, tmp_path: Path) -> None:
    marked = Planted(few, 300)
    dataset_pack(version=dataset_freeze(actor="system")[0], size=48, out=tmp_path / "pack")
    shutil.rmtree(tmp_path / "pack")
    assert any("packs/" in name for name in marked.found_in(private_folder))
    marked.withdraw()
    work_all()
    assert marked.found_in(private_folder, Path(settings.DATA_DIR)) == []
