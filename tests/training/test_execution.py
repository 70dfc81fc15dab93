"""Doing a run: under its lease alone, in a folder of its own, and without what was withdrawn."""

import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.crops import crop_read
from labeling.models import Face
from operations import pulses
from operations.jobs import running
from operations.jobs.running import LeaseLost, RunningJob
from operations.jobs.services import job_retry, jobs_release_expired
from operations.models import Job
from tests.operations.conftest import do_round
from training.datasets import dataset_freeze
from training.execution import run_execute
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.run_folders import folder_open
from training.runs import model_register, run_request

State = TrainingRun.State
ASKED: dict[str, Any] = {
    "task": "smiley",
    "architecture": "garage_cnn",
    "epochs": 2,
    "seed": 1,
    "max_seconds": 60,
}
# A training that takes no time. `begin()` is what a test puts in front of it.
LEARNS = """
import json, pathlib, sys, time

task, words = sys.argv[1], sys.argv
pack = pathlib.Path(words[words.index("--data") + 1])
artifact = pathlib.Path(words[words.index("--out" if task == "train" else "--model") + 1])
count = json.loads((pack / "manifest.json").read_text())["count"]
begin()
if task == "train":
    artifact.mkdir(exist_ok=True)
    (artifact / "artifact.json").write_text("{}")
    print(json.dumps({"event": "epoch", "epoch": 1, "photos": count}), flush=True)
else:
    metrics = {"classes": ["grin", "tongue"], "accuracy": 0.5, "macro_f1": 0.5, "per_class": {}}
    print(json.dumps(metrics), flush=True)
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return settings.DATA_DIR


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


@pytest.fixture
def learns(stand_in: Callable[[str], Path]) -> Callable[[str], Path]:
    return lambda begin="": stand_in(f"def begin():\n    {begin or 'pass'}\n{LEARNS}")


@pytest.fixture
def asked(version: DatasetVersion) -> tuple[TrainingRun, Job]:
    return run_request(**ASKED, version=version, actor="system", here=True)


def claimed(job: Job) -> RunningJob:
    taken = running.claim(str(job.pk))
    assert isinstance(taken, RunningJob)
    return taken


def folders(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "runs").glob("*"))


# --- whose it is


def test_run_that_was_done_is_not_done_again(asked: tuple[TrainingRun, Job]) -> None:
    run, job = asked
    TrainingRun.objects.filter(pk=run.pk).update(state=State.DONE)
    run_execute(job=claimed(job))
    run.refresh_from_db()
    assert (run.state, run.history) == (State.DONE, [])


def test_worker_that_lost_its_lease_registers_nothing(
    asked: tuple[TrainingRun, Job], tmp_path: Path, private_folder: Path
) -> None:
    run, job = asked
    slow = claimed(job)
    Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4())
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "artifact.json").write_text("{}")
    metrics = {"classes": [], "accuracy": 1.0}
    with pytest.raises(LeaseLost):
        model_register(run=run, artifact=tmp_path / "artifact", metrics=metrics, job=slow)
    run.refresh_from_db()
    assert run.state == State.WAITING
    assert not ModelVersion.objects.exists()
    assert not [path for path in (private_folder / "models").rglob("*") if path.is_file()]


def test_worker_that_lost_its_lease_neither_fails_the_run_nor_touches_what_the_next_one_does(
    asked: tuple[TrainingRun, Job], stand_in: Callable[[str], Path], data: Path
) -> None:
    run, job = asked
    stand_in('import sys; print(\'{"event": "epoch", "epoch": 1}\', flush=True); sys.exit(\'it fails\')')
    theirs = data / "runs" / f"{run.pk}.{uuid.uuid4()}" / "pack"

    def lose(done: int, total: int, message: str) -> None:
        if message.startswith("epoch"):
            Job.objects.filter(pk=job.pk).update(lease_token=theirs.parent.name.partition(".")[2])
            theirs.mkdir(parents=True)

    running.run(str(job.pk), on_progress=lose)
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, run.error, job.state) == (State.RUNNING, "", Job.State.RUNNING)
    assert theirs.is_dir()


def test_next_attempt_goes_on_from_the_checkpoints_of_the_one_before(
    asked: tuple[TrainingRun, Job], data: Path
) -> None:
    _, job = asked
    first = folder_open(claimed(job))
    (first / "artifact" / "checkpoints").mkdir(parents=True)
    (first / "pack").mkdir()
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    jobs_release_expired()
    second = folder_open(claimed(job))
    assert folders(data) == [second.name] != [first.name]
    assert [path.name for path in second.iterdir()] == ["artifact"]
    assert (second / "artifact" / "checkpoints").is_dir()


# --- how it ends


def test_failed_training_is_refused_and_cleared_up(
    asked: tuple[TrainingRun, Job], stand_in: Callable[[str], Path], data: Path
) -> None:
    run, job = asked
    stand_in("import sys; sys.exit('the loss is not a number')")
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state) == (State.FAILED, Job.State.QUARANTINED)
    assert "the loss is not a number" in run.error
    assert "the loss is not a number" in job.error
    assert folders(data) == [], "nothing packed outlives its run"


def test_failed_training_that_is_tried_again_trains(
    asked: tuple[TrainingRun, Job], learns: Callable[..., Path], tmp_path: Path, data: Path
) -> None:
    run, job = asked
    flag = tmp_path / "failed-before"
    learns(f"path = pathlib.Path({str(flag)!r}); path.exists() or path.touch() or sys.exit('the first time')")
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state) == (State.FAILED, Job.State.QUARANTINED)
    job_retry(job=job)
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, run.error, job.state) == (State.DONE, "", Job.State.DONE)
    assert run.model.metrics["accuracy"] == 0.5
    assert folders(data) == []


def test_killed_training_is_gone_on_with(
    asked: tuple[TrainingRun, Job], learns: Callable[..., Path], data: Path
) -> None:
    run, job = asked
    learns(
        "artifact.exists() or (artifact.mkdir(), print(json.dumps({'event': 'epoch', 'epoch': 1}), flush=True),"
        " __import__('os').kill(__import__('os').getpid(), 9))"
    )
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state, job.attempts) == (State.WAITING, Job.State.QUEUED, 1)
    assert "SIGKILL" in run.error
    assert [path.name for path in (data / "runs").glob("*/artifact/*")] == ["scratch"], "what it goes on from"
    Job.objects.update(run_after=timezone.now())
    running.run(str(job.pk))
    run.refresh_from_db()
    assert (run.state, run.error) == (State.DONE, "")
    assert ModelVersion.objects.count() == 1


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts: also in a suite that a shell runs in the background, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_interrupted_command_gives_the_run_back(
    asked: tuple[TrainingRun, Job], learns: Callable[..., Path], data: Path
) -> None:
    run, job = asked
    learns("import os, signal; os.kill(os.getppid(), signal.SIGINT); time.sleep(600)")
    with pytest.raises(CommandError, match=r"Interrupted.*given again") as stopped:
        call_command(
            "train",
            "smiley",
            **{name: ASKED[name] for name in ("architecture", "epochs", "seed", "max_seconds")},
        )
    assert stopped.value.returncode == 130
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state, job.attempts) == (State.WAITING, Job.State.QUEUED, 0)
    assert not list((data / "runs").glob("*/pack"))


def test_run_whose_worker_died_too_often_is_failed_by_the_next_round(
    asked: tuple[TrainingRun, Job], settings: Any
) -> None:
    run, job = asked
    TrainingRun.objects.filter(pk=run.pk).update(state=State.RUNNING)
    do_round("training.tidy_runs")
    run.refresh_from_db()
    assert run.state == State.RUNNING, "its job still waits"
    for _ in range(settings.JOB_ATTEMPTS):
        claimed(job)
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        jobs_release_expired()
    do_round("training.tidy_runs")
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "died" in run.error
    assert run.finished_at


# --- what was withdrawn


def holders(folder: Path, marker: bytes) -> list[str]:
    """The files in which the bytes are."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if marker in path.read_bytes()]


@pytest.fixture
def marked(version: DatasetVersion) -> tuple[Photo, bytes]:
    """A photo of the version, and a row of its pixels as they are packed."""
    face = Face.objects.filter(photo__datasetitem__version=version).first()
    assert face is not None
    return face.photo, crop_read(face.crop, 48)[24].tobytes()


@pytest.fixture
def distinct_crops(people: list[Photo], private_folder: Path) -> None:
    """Crops of noise, so that no photo's pixels are in another."""
    from labeling.crops import crop_encode

    rng = np.random.default_rng(3)
    for face in Face.objects.filter(photo__in=people):
        (private_folder / face.crop).write_bytes(crop_encode(rng.integers(0, 256, (256, 256, 3), np.uint8)))


def put_pack(job: Job, data: Path, version: DatasetVersion) -> Path:
    """What is left when an attempt is killed in the middle of its training."""
    from training.packing import dataset_pack

    folder = folder_open(claimed(job))
    (folder / "artifact").mkdir()
    dataset_pack(version=version, size=48, out=folder / "pack")
    shutil.copytree(folder / "pack", folder / ".pack.half-written")
    return folder


@pytest.fixture
def sign_of_life(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A worker of this machine shows that it is alive, as it does every ten seconds, and nothing else happens here."""
    monkeypatch.setattr(pulses, "_last_pulse", -pulses._PULSE_SECONDS)
    return pulses._on_heartbeat


@pytest.mark.usefixtures("distinct_crops")
@pytest.mark.parametrize("state", ["waiting", "died", "quarantined", "failed", "done", "gone"])
def test_no_pixels_of_a_withdrawn_photo_stay_with_a_run(
    state: str,
    asked: tuple[TrainingRun, Job],
    marked: tuple[Photo, bytes],
    data: Path,
    settings: Any,
    sign_of_life: Callable[[], None],
) -> None:
    run, job = asked
    photo, marker = marked
    folder = put_pack(job, data, run.version)
    TrainingRun.objects.filter(pk=run.pk).update(state=State.RUNNING)
    assert len(holders(data, marker)) == 2
    row = Job.objects.filter(pk=job.pk)
    match state:
        case "waiting":
            row.update(state=Job.State.QUEUED, lease_token=None)
        case "died":
            row.update(lease_until=timezone.now() - timedelta(seconds=1))
            jobs_release_expired()
        case "quarantined":
            row.update(attempts=settings.JOB_ATTEMPTS, lease_until=timezone.now() - timedelta(seconds=1))
            jobs_release_expired()
        case "failed":
            row.update(state=Job.State.QUARANTINED, lease_token=None)
            TrainingRun.objects.filter(pk=run.pk).update(state=State.FAILED)
        case "done":
            row.update(state=Job.State.DONE, lease_token=None)
            TrainingRun.objects.filter(pk=run.pk).update(state=State.DONE)
        case "gone":
            row.delete()
    photo_withdraw(photo=photo, actor="participant")
    sign_of_life()
    assert holders(data, marker) == []
    assert folder.exists() == (state in ("waiting", "died")), "checkpoints stay for who goes on"


@pytest.mark.usefixtures("distinct_crops")
def test_sign_of_life_leaves_a_training_at_work_alone(
    asked: tuple[TrainingRun, Job], data: Path, sign_of_life: Callable[[], None]
) -> None:
    run, job = asked
    folder = put_pack(job, data, run.version)
    sign_of_life()
    assert sorted(path.name for path in folder.iterdir()) == [".pack.half-written", "artifact", "pack"]


@pytest.mark.usefixtures("distinct_crops")
def test_training_begins_anew_when_something_is_withdrawn_in_the_middle(
    asked: tuple[TrainingRun, Job],
    marked: tuple[Photo, bytes],
    learns: Callable[..., Path],
    data: Path,
) -> None:
    """The first training says nothing for ten minutes; only the watch can end it."""
    run, job = asked
    photo, marker = marked
    learns("count == 16 and (print(json.dumps({'event': 'epoch', 'epoch': 1}), flush=True), time.sleep(600))")
    seen: list[int] = []

    def withdraw(done: int, total: int, message: str) -> None:
        seen.append(len(holders(data, marker)))
        if message.startswith("epoch") and len(Photo.objects.all()) == 16:
            photo_withdraw(photo=photo, actor="participant")

    running.run(str(job.pk), on_progress=withdraw)
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state) == (State.DONE, Job.State.DONE), run.error or job.error
    assert (run.photos, run.model.stale_since) == (15, None)
    assert [record["photos"] for record in run.history] == [15]
    assert seen[:3] == [0, 1, 0], "packed once, and not again"
    assert holders(data, marker) == []


@pytest.mark.usefixtures("distinct_crops")
def test_what_was_learned_before_a_withdrawal_is_not_gone_on_from(
    asked: tuple[TrainingRun, Job], marked: tuple[Photo, bytes], learns: Callable[..., Path], data: Path
) -> None:
    """The first attempt was killed with its model finished; then a photo went."""
    run, job = asked
    folder = put_pack(job, data, run.version)
    (folder / "artifact" / "artifact.json").write_text("{}")
    TrainingRun.objects.filter(pk=run.pk).update(state=State.RUNNING, photos=16)
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, lease_token=None)
    photo_withdraw(photo=marked[0], actor="participant")
    learns("task != 'train' or not artifact.exists() or sys.exit('another finished model is here')")
    running.run(str(job.pk))
    run.refresh_from_db()
    assert (run.state, run.photos) == (State.DONE, 15), run.error
