"""Runs and models: asked for once, one serves, and no training outlives its supervisor."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction

from collector.models import Photo
from collector.services import photo_withdraw
from operations.jobs import running
from operations.jobs.running import RunningJob
from operations.models import AuditEvent, Job
from operations.problems import Problem
from tests.conftest import ROOT, wait_until
from training.artifacts import artifact_fetch
from training.datasets import dataset_freeze
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.runs import model_promote, run_execute, run_request
from training.supervise import TrainingFailed, ml_command

Register = Callable[..., ModelVersion]
ASKED: dict[str, Any] = {
    "task": "smiley",
    "architecture": "garage_cnn",
    "epochs": 2,
    "seed": 1,
    "max_seconds": 60,
}


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


# --- asking


def test_same_request_while_unfinished_is_the_same_run(version: DatasetVersion) -> None:
    run, job = run_request(**ASKED, version=version, actor="staff:alice")
    again, same = run_request(**ASKED, version=version, actor="staff:bob")
    assert (run, job) == (again, same)
    other, _ = run_request(**{**ASKED, "seed": 2}, version=version, actor="staff:bob")
    assert other != run
    TrainingRun.objects.filter(pk=run.pk).update(state=TrainingRun.State.DONE)
    later, _ = run_request(**ASKED, version=version, actor="staff:bob")
    assert later != run
    assert AuditEvent.objects.filter(action="training_requested").count() == 3
    assert job.queue == "train"


def test_architecture_that_there_is_not_is_refused(version: DatasetVersion) -> None:
    with pytest.raises(Problem) as refusal:
        run_request(**{**ASKED, "architecture": "giant"}, version=version, actor="system")
    assert refusal.value.code == "architecture_unknown"
    assert "garage_cnn" in refusal.value.detail
    assert not TrainingRun.objects.exists()


def test_finished_run_is_not_done_again(version: DatasetVersion) -> None:
    run, job = run_request(**ASKED, version=version, actor="system")
    TrainingRun.objects.filter(pk=run.pk).update(state=TrainingRun.State.DONE)
    claimed = running.claim(str(job.pk))
    assert isinstance(claimed, RunningJob)
    run_execute(job=claimed)
    run.refresh_from_db()
    assert (run.state, run.history) == (TrainingRun.State.DONE, [])


# --- models


def test_models_are_numbered_and_candidates_at_first(version: DatasetVersion, register: Register) -> None:
    models = [register(version) for _ in range(3)]
    assert [(model.number, model.state) for model in models] == [(n, "candidate") for n in (1, 2, 3)]
    assert ModelVersion.objects.active("smiley") is None
    assert models[0].run.state == TrainingRun.State.WAITING
    models[0].run.refresh_from_db()
    assert models[0].run.state == TrainingRun.State.DONE


def test_one_model_serves(version: DatasetVersion, register: Register) -> None:
    first, second = register(version), register(version)
    model_promote(model=first, actor="staff:alice")
    model_promote(model=first, actor="staff:alice")
    assert AuditEvent.objects.filter(action="model_promoted").count() == 1
    model_promote(model=second, actor="staff:alice")
    first.refresh_from_db()
    assert (first.state, ModelVersion.objects.active("smiley")) == ("retired", second)
    model_promote(model=first, actor="staff:bob")
    assert ModelVersion.objects.active("smiley") == first
    events = AuditEvent.objects.filter(action="model_promoted").order_by("pk")
    assert [(event.actor, event.subject) for event in events] == [
        ("staff:alice", "model:smiley 1"),
        ("staff:alice", "model:smiley 2"),
        ("staff:bob", "model:smiley 1"),
    ]


def test_the_database_itself_allows_one_active_model_only(
    version: DatasetVersion, register: Register
) -> None:
    register(version)
    register(version)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.update(state="active")


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_promotions_and_registrations_at_once_leave_one_active(
    version: DatasetVersion, register: Register
) -> None:
    models = [register(version) for _ in range(4)]
    start = threading.Barrier(6)
    errors: list[Exception] = []

    def act(work: Callable[[], object]) -> None:
        try:
            start.wait()
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    works: list[Callable[[], object]] = [
        *(lambda model=model: model_promote(model=model, actor="system") for model in models),
        *[lambda: register(version)] * 2,
    ]
    threads = [threading.Thread(target=act, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ModelVersion.objects.filter(state="active").count() == 1
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_model_is_stale_from_birth_when_something_went_meanwhile(
    version: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    learned_from = version.items.count()
    photo_withdraw(photo=people[0], actor="participant")
    model = register(version, photos=learned_from)
    assert model.stale_since
    with pytest.raises(Problem):
        model_promote(model=model, actor="system")


def test_active_model_that_becomes_stale_serves_on_but_never_again(
    version: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    model = register(version)
    model_promote(model=model, actor="system")
    photo_withdraw(photo=people[0], actor="participant")
    assert ModelVersion.objects.active("smiley") == model
    with pytest.raises(Problem) as refusal:
        model_promote(model=model, actor="system")
    assert refusal.value.code == "model_stale"


def test_commands_promote_and_say_why_not(
    version: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    register(version)
    out = StringIO()
    call_command("promote_model", "smiley", "1", stdout=out)
    assert "Model smiley 1 serves" in out.getvalue()
    with pytest.raises(CommandError, match="no model 9"):
        call_command("promote_model", "smiley", "9")
    photo_withdraw(photo=people[0], actor="participant")
    with pytest.raises(CommandError, match="withdrawn"):
        call_command("promote_model", "smiley", "1")


def test_command_freezes_and_counts(people: list[Photo]) -> None:
    for state in ("is new", "holds already"):
        out = StringIO()
        call_command("freeze_dataset", stdout=out)
        assert f"Version 1 {state}" in out.getvalue()
        assert "16 photos of 8 people" in out.getvalue()


def test_artifact_is_fetched_once_and_checked(
    version: DatasetVersion, register: Register, private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    model = register(version)
    folder = artifact_fetch(model)
    assert sorted(path.name for path in folder.iterdir()) == ["artifact.json", "confusion.png"]
    assert artifact_fetch(model) == folder
    other = register(version)
    (private_folder / other.artifact / "artifact.json").write_text("changed")
    with pytest.raises(ValueError, match="not the file that was registered"):
        artifact_fetch(other)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing half-fetched stays"


# --- the training process


@pytest.fixture
def stand_in(tmp_path: Path, settings: Any) -> Callable[[str], Path]:
    """A program `python -m ml` of the test's own, in whose place the real one is started. Returns its log."""

    def make(program: str) -> Path:
        (tmp_path / "ml").mkdir()
        (tmp_path / "ml" / "__init__.py").touch()
        (tmp_path / "ml" / "__main__.py").write_text(textwrap.dedent(program))
        settings.BASE_DIR = tmp_path
        return tmp_path / "log.txt"

    return make


def test_records_come_as_they_are_printed(stand_in: Callable[[str], Path]) -> None:
    log = stand_in(
        """
        import json, sys
        for epoch in (1, 2):
            print(json.dumps({"event": "epoch", "epoch": epoch}), flush=True)
        print(json.dumps(sys.argv[1:]))
        print("a word to the log", file=sys.stderr)
        """
    )
    records: list[dict[str, Any]] = []
    ml_command(["train", "smiley"], log=log, on_record=records.append)
    assert [record["epoch"] for record in records] == [1, 2]
    assert "a word to the log" in log.read_text()


def test_failed_training_says_how_it_ended(stand_in: Callable[[str], Path]) -> None:
    log = stand_in("import sys; sys.exit('the loss is not a number')")
    with pytest.raises(TrainingFailed, match="the loss is not a number"):
        ml_command(["train"], log=log, on_record=lambda record: None)


def test_failed_training_is_refused_and_cleared_up(
    version: DatasetVersion, stand_in: Callable[[str], Path], settings: Any, tmp_path: Path
) -> None:
    stand_in("import sys; sys.exit('the loss is not a number')")
    settings.DATA_DIR = tmp_path / "data"
    run, job = run_request(**ASKED, version=version, actor="system", here=True)
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state) == (TrainingRun.State.FAILED, Job.State.QUARANTINED)
    assert "the loss is not a number" in run.error
    assert "the loss is not a number" in job.error
    assert not list((tmp_path / "data" / "runs").iterdir()), "nothing packed outlives its run"


def test_training_ends_when_nobody_listens(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    log = stand_in(
        """
        import json, os, time
        print(json.dumps({"pid": os.getpid()}), flush=True)
        time.sleep(600)
        """
    )
    pids: list[int] = []

    class LeaseLost(Exception):
        pass

    def lose(record: dict[str, Any]) -> None:
        pids.append(record["pid"])
        raise LeaseLost

    with pytest.raises(LeaseLost):
        ml_command(["train"], log=log, on_record=lose)
    assert gone(pids[0])


def test_training_dies_with_its_supervisor(stand_in: Callable[[str], Path], tmp_path: Path) -> None:
    """A real supervisor, killed by SIGKILL, and a training that would go on for ten minutes."""
    log = stand_in(
        """
        import os, pathlib, time
        pathlib.Path("pid.aside").write_text(str(os.getpid()))
        os.rename("pid.aside", "pid")
        time.sleep(600)
        """
    )
    supervisor_program = f"""
        import pathlib
        import django
        django.setup()
        from django.conf import settings
        from training.supervise import ml_command
        settings.BASE_DIR = pathlib.Path({str(tmp_path)!r})
        ml_command(["train"], log=pathlib.Path({str(log)!r}), on_record=print)
    """
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(supervisor_program)], cwd=ROOT, env=environment
    )
    try:
        wait_until((tmp_path / "pid").exists, "the training runs")
        training = int((tmp_path / "pid").read_text())
        assert not gone(training)
    finally:
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(10)
    wait_until(lambda: gone(training), "the training has ended", seconds=5)


def gone(pid: int) -> bool:
    """Ended; a zombie that nobody has waited for yet counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
