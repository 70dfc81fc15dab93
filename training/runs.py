"""The use cases around training: asking for a run, registering its model."""

import uuid
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from collector.files import atomic_with_files
from ml.nets import registry
from operations.audit import audit_record
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue, job_retry
from operations.locks import hold
from operations.models import Job
from operations.problems import Problem

from .artifacts import artifact_store
from .datasets import datasets_hold
from .models import DatasetVersion, ModelVersion, TrainingRun

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
    promotes: bool = False,
    warm_start: bool = False,
    random_split: bool = False,
    here: bool = False,
) -> tuple[TrainingRun, Job]:
    """Ask for a training. The same request, while unfinished, is the same run, so that it is taken up again.

    `promotes`: its model serves by itself when the rule finds it better. `warm_start` and `random_split`: what shares
    its seconds, see `trials`. `here`: the caller runs the job in its own process, and no worker is told. Raises
    Problem.
    """
    try:
        registry.architecture(architecture, task)
    except ValueError as error:
        raise Problem("architecture_unknown", str(error)) from error
    asked = {"task": task, "architecture": architecture, "version": version, "epochs": epochs, "seed": seed}
    asked |= {"max_seconds": max_seconds, "promotes": promotes}
    asked |= {"warm_start": warm_start, "random_split": random_split}
    run = TrainingRun.objects.filter(**asked, state__in=UNFINISHED).first()
    if run is None:
        run = TrainingRun.objects.create(**asked, created_by=actor)
        audit_record(
            actor=actor, action="training_requested", subject=f"run:{run.pk}", architecture=architecture
        )
    return run, job_enqueue(name="training.train", subject=str(run.pk), announced=not here)


@transaction.atomic
def run_retry(*, run: TrainingRun, actor: str) -> Job:
    """Have a failed run done again, from the beginning. Raises Problem when it has not failed."""
    current = TrainingRun.objects.select_for_update().get(pk=run.pk)
    if current.state != TrainingRun.State.FAILED:
        raise Problem(
            "run_not_failed", f"This run is {current.state}: only a failed one is tried again.", status=409
        )
    current.state, current.error, current.finished_at = TrainingRun.State.WAITING, "", None
    current.save(update_fields=["state", "error", "finished_at"])
    audit_record(actor=actor, action="training_retried", subject=f"run:{run.pk}")
    former = Job.objects.filter(
        kind="training.train", subject=str(run.pk), state=Job.State.QUARANTINED
    ).first()
    return job_retry(job=former) if former else job_enqueue(name="training.train", subject=str(run.pk))


def model_register(
    *,
    run: TrainingRun,
    artifact: Path,
    metrics: dict[str, Any],
    judgement: dict[str, Any] | None = None,
    job: RunningJob | None = None,
) -> ModelVersion:
    """Register a finished training as a candidate; stale from birth when what it learned from was withdrawn.

    With the `job` that trained it nothing is registered unless that still holds its lease. Raises LeaseLost.
    """
    prefix = f"models/{run.pk}/{uuid.uuid4()}"
    files = artifact_store(artifact, prefix)
    with atomic_with_files(*(f"{prefix}/{name}" for name in files)):
        if job is not None:
            job.heartbeat()
        return _register(run, prefix, files, metrics, judgement or {})


def _register(
    run: TrainingRun, prefix: str, files: dict[str, str], metrics: dict[str, Any], judgement: dict[str, Any]
) -> ModelVersion:
    hold(f"training.models.{run.task}")
    datasets_hold()
    last = ModelVersion.objects.filter(task=run.task).aggregate(last=Max("number"))["last"] or 0
    model = ModelVersion.objects.create(
        task=run.task,
        number=last + 1,
        run=run,
        artifact=prefix,
        files=files,
        classes=metrics["classes"],
        metrics=metrics,
        judgement=judgement,
        stale_since=timezone.now() if _knows_what_went(run) else None,
    )
    TrainingRun.objects.filter(pk=run.pk).update(
        state=TrainingRun.State.DONE, metrics=metrics, finished_at=timezone.now(), error=""
    )
    audit_record(actor="system", action="model_registered", subject=f"model:{model}", run=str(run.pk))
    return model


def _knows_what_went(run: TrainingRun) -> bool:
    """Whether something that it learned from was withdrawn meanwhile, or what the model that it went on from did."""
    if run.version.items.count() != run.photos:
        return True
    return ModelVersion.objects.filter(followers=run.pk).exclude(stale_since=None).exists()
