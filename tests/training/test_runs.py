"""Runs and models: asked for once, one serves, and no training outlives its supervisor."""

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
from operations.models import AuditEvent
from operations.problems import Problem
from training.artifacts import artifact_fetch
from training.datasets import dataset_freeze
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import run_request

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
    assert {path.name for path in folder.iterdir()} >= {"artifact.json", "model.tflite", "confusion.png"}
    assert artifact_fetch(model) == folder
    other = register(version)
    (private_folder / other.artifact / "artifact.json").write_text("changed")
    with pytest.raises(ValueError, match="not the file that was registered"):
        artifact_fetch(other)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing half-fetched stays"
