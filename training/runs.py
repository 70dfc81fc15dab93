"""The use cases of training: asking for a run, doing it, registering and promoting its model."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from operations.audit import audit_record
from operations.jobs.running import JobRefused, LeaseLost, RunningJob
from operations.jobs.services import job_enqueue
from operations.locks import hold
from operations.models import Job
from operations.problems import Problem

from .artifacts import artifact_store
from .datasets import dataset_pack
from .models import DatasetVersion, ModelVersion, Task, TrainingRun
from .supervise import TrainingFailed, ml_command

ARCHITECTURES = {Task.SMILEY: ("garage_cnn",)}
CROP_SIZES = {Task.SMILEY: 48}
UNFINISHED = (TrainingRun.State.WAITING, TrainingRun.State.RUNNING)


@transaction.atomic
def run_request(
    *,
    task: str,
    architecture: str,
    version: DatasetVersion,
    epochs: int,
    seed: int,
    max_seconds: int,
    actor: str,
    here: bool = False,
) -> tuple[TrainingRun, Job]:
    """Ask for a training. The same request, while unfinished, is the same run, so that it is taken up again.

    `here`: the caller runs the job in its own process, and no worker is told. Raises Problem.
    """
    if architecture not in ARCHITECTURES.get(Task(task), ()):
        known = ", ".join(ARCHITECTURES[Task(task)])
        raise Problem(
            "architecture_unknown", f"There is no architecture {architecture} for {task}; there is {known}."
        )
    asked = {"task": task, "architecture": architecture, "version": version, "epochs": epochs, "seed": seed}
    run = TrainingRun.objects.filter(**asked, max_seconds=max_seconds, state__in=UNFINISHED).first()
    if run is None:
        run = TrainingRun.objects.create(**asked, max_seconds=max_seconds, created_by=actor)
        audit_record(
            actor=actor, action="training_requested", subject=f"run:{run.pk}", architecture=architecture
        )
    return run, job_enqueue(name="training.train", subject=str(run.pk), announced=not here)


def run_execute(*, job: RunningJob) -> None:
    """Pack, train, evaluate and register one run. Taken up from the last checkpoint after a kill.

    Raises JobRefused when the training itself failed: the same data would only fail again.
    """
    run = TrainingRun.objects.select_related("version").get(pk=uuid.UUID(job.subject))
    folder = Path(settings.DATA_DIR) / "runs" / str(run.pk)
    if run.state in UNFINISHED:
        _execute(run, folder, job)
    # Nothing packed outlives its run; after a kill between the two, the next attempt only clears up.
    shutil.rmtree(folder, ignore_errors=True)


def _execute(run: TrainingRun, folder: Path, job: RunningJob) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    TrainingRun.objects.filter(pk=run.pk).update(
        state=TrainingRun.State.RUNNING,
        started_at=run.started_at or timezone.now(),
        photos=run.version.items.count(),
    )
    run.refresh_from_db()
    try:
        metrics = _train_and_evaluate(run, folder, job)
        model_register(run=run, artifact=folder / "artifact", metrics=metrics)
    except TrainingFailed as failure:
        _give_up(run, folder, str(failure))
        raise JobRefused(str(failure)) from failure
    except LeaseLost:
        raise  # somebody else goes on with it
    except Exception as fault:
        if job.attempt >= settings.JOB_ATTEMPTS:
            _give_up(run, folder, repr(fault))
        raise


def _give_up(run: TrainingRun, folder: Path, error: str) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(
        state=TrainingRun.State.FAILED, error=error, finished_at=timezone.now()
    )
    shutil.rmtree(folder, ignore_errors=True)


def _train_and_evaluate(run: TrainingRun, folder: Path, job: RunningJob) -> dict[str, Any]:
    pack, artifact, log = folder / "pack", folder / "artifact", folder / "log.txt"
    # Packed anew each time: what was withdrawn since an interrupted attempt must not come back.
    shutil.rmtree(pack, ignore_errors=True)
    job.progress(0, run.epochs, "packing")
    dataset_pack(version=run.version, size=CROP_SIZES[Task(run.task)], out=pack)

    def on_epoch(record: dict[str, Any]) -> None:
        if record.get("event") != "epoch":
            return
        job.progress(record["epoch"], run.epochs, f"epoch {record['epoch']} of {run.epochs}")
        earlier = [past for past in run.history if past["epoch"] < record["epoch"]]
        run.history = [*earlier, {key: value for key, value in record.items() if key != "event"}]
        TrainingRun.objects.filter(pk=run.pk).update(history=run.history)

    train = [
        "train",
        run.task,
        "--data",
        str(pack),
        "--architecture",
        run.architecture,
        "--out",
        str(artifact),
    ]
    limits = ["--epochs", str(run.epochs), "--max-seconds", str(run.max_seconds), "--seed", str(run.seed)]
    ml_command([*train, *limits, "--json"], log=log, on_record=on_epoch)
    job.progress(run.epochs, run.epochs, "evaluating on people it never saw")
    results: list[dict[str, Any]] = []
    picture = ["--confusion-matrix", str(artifact / "confusion.png")]
    ml_command(
        ["evaluate", "--model", str(artifact), "--data", str(pack), *picture, "--json"],
        log=log,
        on_record=results.append,
    )
    return results[-1]


@transaction.atomic
def model_register(*, run: TrainingRun, artifact: Path, metrics: dict[str, Any]) -> ModelVersion:
    """Register a finished training as a candidate; stale from birth when what it learned from was withdrawn."""
    hold(f"training.models.{run.task}")
    version = DatasetVersion.objects.select_for_update().get(pk=run.version_id)
    prefix = f"models/{run.pk}"
    files = artifact_store(artifact, prefix)
    last = ModelVersion.objects.filter(task=run.task).aggregate(last=Max("number"))["last"] or 0
    model = ModelVersion.objects.create(
        task=run.task,
        number=last + 1,
        run=run,
        artifact=prefix,
        files=files,
        classes=metrics["classes"],
        metrics=metrics,
        stale_since=timezone.now() if version.items.count() != run.photos else None,
    )
    TrainingRun.objects.filter(pk=run.pk).update(
        state=TrainingRun.State.DONE, metrics=metrics, finished_at=timezone.now(), error=""
    )
    audit_record(actor="system", action="model_registered", subject=f"model:{model}", run=str(run.pk))
    return model


@transaction.atomic
def model_promote(*, model: ModelVersion, actor: str) -> ModelVersion:
    """Let a candidate or a retired model serve. Raises Problem when it is stale."""
    hold(f"training.models.{model.task}")
    # In the order of their ids, as a withdrawal locks the models that it makes stale.
    active_or_asked = Q(pk=model.pk) | Q(task=model.task, state=ModelVersion.State.ACTIVE)
    locked = ModelVersion.objects.select_for_update().filter(active_or_asked).order_by("pk")
    current = next(one for one in locked if one.pk == model.pk)
    if current.stale_since is not None:
        raise Problem(
            "model_stale",
            "It learned from a photo that was withdrawn since: train again instead.",
            status=409,
        )
    if current.state == ModelVersion.State.ACTIVE:
        return current
    ModelVersion.objects.filter(task=current.task, state=ModelVersion.State.ACTIVE).update(
        state=ModelVersion.State.RETIRED
    )
    current.state, current.promoted_at = ModelVersion.State.ACTIVE, timezone.now()
    current.save(update_fields=["state", "promoted_at"])
    audit_record(actor=actor, action="model_promoted", subject=f"model:{current}")
    return current
