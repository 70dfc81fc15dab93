"""Doing a run: pack, train, judge, register, promote. Everything it writes is written under its job's lease."""

import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml.data.packed import DataError
from ml.nets.registry import architecture
from operations.jobs.running import JobRefused, LeaseLost, RunningJob
from operations.models import Job

from .judging import Judged, model_examine
from .models import ModelVersion, TrainingRun
from .packing import dataset_pack
from .promotion import model_promote_by_rule
from .run_folders import folder_open, folder_remove, folders_tidy
from .runs import UNFINISHED, model_register
from .supervise import TrainingFailed
from .trials import trials_plan, trials_stale, trials_train

logger = logging.getLogger(__name__)


class ItemsWithdrawn(Exception):
    """Something that the run learns from was withdrawn: it has to begin anew without it."""


def run_execute(*, job: RunningJob) -> None:
    """Pack, train, judge and register one run, and promote its model if it says so.

    Taken up from the last checkpoint after a kill; begun anew when something it learns from is withdrawn meanwhile. A
    failed run whose job is tried again is done again.

    Raises JobRefused when the training itself failed: the same data would only fail again.
    """
    run = TrainingRun.objects.select_related("version").get(pk=uuid.UUID(job.subject))
    folders_tidy()
    if run.state == TrainingRun.State.DONE:
        _promote(run)  # it was killed between that and the end of its job
        return
    folder = folder_open(job)
    try:
        _execute(run, folder, job)
    except LeaseLost:
        raise  # somebody else goes on with it
    except BaseException as fault:
        last = isinstance(fault, Exception) and job.attempt >= settings.JOB_ATTEMPTS
        if not (last or isinstance(fault, TrainingFailed)):
            _leave(run, job, TrainingRun.State.WAITING, repr(fault))
            raise
        _leave(run, job, TrainingRun.State.FAILED, str(fault) or repr(fault))
        folder_remove(folder)
        if isinstance(fault, TrainingFailed):
            raise JobRefused(str(fault)) from fault
        raise
    folder_remove(folder)
    _promote(run)


def _promote(run: TrainingRun) -> None:
    model = ModelVersion.objects.filter(run=run).first()
    if run.promotes and model is not None:
        model_promote_by_rule(model=model)


def _execute(run: TrainingRun, folder: Path, job: RunningJob) -> None:
    judged = None
    while judged is None:
        left = run.version.items.count()
        plan: dict[str, Any] = {}
        if run.photos != left or not run.trials or trials_stale(run):
            # Neither checkpoints nor a finished model may know what was withdrawn since.
            shutil.rmtree(folder / "artifact", ignore_errors=True)
            plan = {"trials": trials_plan(run), "started_from": None, "history": []}
        with job.fenced():
            TrainingRun.objects.filter(pk=run.pk).update(
                state=TrainingRun.State.RUNNING,
                started_at=run.started_at or timezone.now(),
                finished_at=None,
                error="",
                photos=left,
                **plan,
            )
        run.refresh_from_db()
        try:
            judged = _train_and_judge(run, folder, job)
        except ItemsWithdrawn:
            logger.info("A training begins anew without what was withdrawn", extra={"run": str(run.pk)})
    artifact, metrics, judgement = judged
    model_register(run=run, artifact=artifact, metrics=metrics, judgement=judgement, job=job)


def _leave(run: TrainingRun, job: RunningJob, state: str, error: str) -> None:
    with job.fenced():
        ended = timezone.now() if state == TrainingRun.State.FAILED else None
        TrainingRun.objects.filter(pk=run.pk).update(state=state, error=error, finished_at=ended)


def _train_and_judge(run: TrainingRun, folder: Path, job: RunningJob) -> tuple[Path, *Judged]:
    """The artifact that is kept, its metrics, and the judgement."""
    pack, log = folder / "pack", folder / "log.txt"

    def watch() -> None:
        job.heartbeat()
        if run.version.items.count() != run.photos or trials_stale(run):
            raise ItemsWithdrawn

    try:
        # Packed anew in each attempt: what was withdrawn since an interrupted one must not come back.
        job.progress(0, run.epochs, "packing")
        _pack(run, pack, watch)
        trained = trials_train(run, job, pack=pack, folder=folder / "artifact", log=log, watch=watch)
        job.progress(run.epochs, run.epochs, "evaluating on people it never saw")
        judged = model_examine(
            task=run.task,
            artifact=trained.kept,
            at_random=trained.by_picture,
            pack=pack,
            log=log,
            watch=watch,
        )
        return trained.kept, *judged
    finally:
        shutil.rmtree(pack, ignore_errors=True)


def _pack(run: TrainingRun, pack: Path, watch: Callable[[], None]) -> None:
    size = architecture(run.architecture, run.task).size
    try:
        dataset_pack(version=run.version, task=run.task, size=size, out=pack, watch=watch)
    except DataError as error:
        raise TrainingFailed(str(error)) from error


def runs_tidy() -> None:
    """Fail the runs that nobody will do any more."""
    for run_id in TrainingRun.objects.filter(state__in=UNFINISHED).values_list("pk", flat=True):
        _fail_if_forsaken(run_id)


@transaction.atomic
def _fail_if_forsaken(run_id: uuid.UUID) -> None:
    # Locked while we look at its job: one that is being finished is not finished behind our back.
    run = TrainingRun.objects.select_for_update().filter(pk=run_id, state__in=UNFINISHED).first()
    jobs = Job.objects.filter(kind="training.train", subject=str(run_id))
    if run is None or jobs.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists():
        return
    last = jobs.order_by("-created_at").first()
    run.state, run.finished_at = TrainingRun.State.FAILED, timezone.now()
    run.error = last.error if last and last.error else "Its job is gone."
    run.save(update_fields=["state", "finished_at", "error"])
