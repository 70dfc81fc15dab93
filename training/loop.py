"""When a task is trained again, and seeing to it: freeze, train, judge, promote.

The sweep looks each minute. A task is due every TRAINING_HOURS hours; when TRAINING_DECISIONS decisions have come in
since what it was trained on last and reviewers have paused for TRAINING_PAUSE_MINUTES; and when what it was trained on
has been withdrawn in part. There is never more than one run of a task, and none where nothing has changed. When a task
was looked at is noted, so that what a look found worth nothing does not make it due at each sweep.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from collector.models import Photo
from labeling.models import Decision, KeypointSet
from ml.config import TrainConfig
from ml.nets.registry import BEST
from operations.jobs.housekeeping import round_begin, round_last, round_note
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job
from operations.problems import Problem

from .datasets import dataset_freeze
from .models import DatasetVersion, ModelVersion, Task, TrainingRun
from .promotion import model_retire
from .runs import UNFINISHED, run_request

ACTOR = "loop"
_SEED = 1
#: So long a training waits for faces to be found in what was imported.
_PATIENCE = timedelta(hours=1)
#: So often, and so many seconds apart, it is asked whether somebody else's freeze is over.
_FREEZE_ASKED, _FREEZE_SECONDS = 600, 3.0


def loop_look() -> None:
    """Ask for the tasks that are due, and retire what has been stale for too long. Twice at once does it once."""
    for task in settings.TRAINING_TASKS:
        _retire_overdue(task)
        if _at_work(task):
            continue
        if reason := _due(task, timezone.now()):
            job_enqueue(name="training.loop", subject=task, payload={"reason": reason})


def loop_train(*, job: RunningJob) -> TrainingRun | None:
    """Freeze what is accepted and ask for a training on it, unless nothing has changed since the last.

    Raises Problem when the freeze fails, or has to wait for too long: the job is tried again.
    """
    task = job.subject
    if _runs(task).filter(state__in=UNFINISHED).exists():
        job.progress(0, 0, "A training is under way.")
        return None
    looked = timezone.now()
    try:
        version = _frozen(job)
    except Problem as problem:
        if problem.code != "nothing_accepted":
            raise
        round_note(_looked(task), looked)
        job.progress(0, 0, problem.detail)
        return None
    round_note(_looked(task), looked)
    if (last := _last(task)) is not None and _holds_all(last, version):
        job.progress(0, 0, f"Nothing has changed since data set {version} was trained on.")
        return None
    architecture = BEST[task]
    with job.fenced():
        run, _ = run_request(
            task=task,
            architecture=architecture,
            version=version,
            epochs=TrainConfig.of(task, architecture).epochs,
            seed=_SEED,
            max_seconds=settings.TRAINING_SECONDS,
            actor=ACTOR,
            promotes=True,
            warm_start=True,
            random_split=settings.TRAINING_RANDOM_SPLIT,
        )
    job.progress(1, 1, f"asked for {run}")
    return run


def _frozen(job: RunningJob) -> DatasetVersion:
    """What is accepted now, frozen; somebody else's freeze at this moment is waited for. Raises Problem."""
    for _ in range(_FREEZE_ASKED):
        job.progress(0, 0, "freezing what is accepted")
        try:
            return dataset_freeze(actor=ACTOR)[0]
        except Problem as problem:
            if problem.code != "freeze_waits":
                raise
        job.progress(0, 0, "waits for another freeze")
        time.sleep(_FREEZE_SECONDS)
    return dataset_freeze(actor=ACTOR)[0]


def _due(task: str, now: datetime) -> str:
    """Why the task is to be trained now; empty when it is not."""
    last, pause = _last(task), timedelta(minutes=settings.TRAINING_PAUSE_MINUTES)
    looked, stale_since = round_last(_looked(task)), _stale_since(task)
    tried = _later(last.created_at if last else None, looked)
    if stale_since and stale_since <= now - pause and (tried is None or tried < stale_since):
        return "The active model learned from what was withdrawn."
    seen = _later(last.version.created_at if last else None, looked)
    if settings.TRAINING_DECISIONS and _decisions_waited(seen, now - pause):
        return "Enough new decisions have come in."
    hours = settings.TRAINING_HOURS
    if hours and round_begin(f"training.loop.{task}", timedelta(hours=hours)):
        return "It is time."
    return ""


def _later(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _decisions_waited(since: datetime | None, before: datetime) -> bool:
    """Whether enough have come in since then, and none after `before`."""
    decided = Decision.objects.exclude(outcome=Decision.Outcome.OPEN)
    if since is not None:
        decided = decided.filter(changed_at__gt=since)
    newest = decided.order_by("-changed_at").values_list("changed_at", flat=True)
    wanted = settings.TRAINING_DECISIONS
    enough = len(first := list(newest[:wanted])) == wanted and first[0] <= before
    return enough and not _faces_looked_for(since=before - _PATIENCE)


def _faces_looked_for(*, since: datetime) -> bool:
    """Whether photos that came in accepted still wait for their faces to be found: a freeze would leave them out."""
    return Photo.objects.unprocessed().filter(state=Photo.State.ACCEPTED, created_at__gt=since).exists()


def _holds_all(last: TrainingRun, version: DatasetVersion) -> bool:
    """Whether a training would learn what the last has learned, and be judged as that was. One that failed is worth
    another try."""
    if last.state != TrainingRun.State.DONE or last.version_id != version.pk:
        return False
    if last.photos != version.items.count() or last.architecture != BEST[last.task]:
        return False
    if not _stands(last):
        return False
    placed = KeypointSet.objects.filter(source=KeypointSet.Source.HUMAN, created_at__gt=last.created_at)
    return last.task != Task.KEYPOINTS or not placed.exists()


def _stands(last: TrainingRun) -> bool:
    """Whether what came of a run may serve, or was found not to be better than the model that serves still."""
    model, active = ModelVersion.objects.filter(run=last).first(), ModelVersion.objects.active(last.task)
    if model is None:
        return True
    if model.stale_since is not None:
        return False
    # One that is retired has served, and staff rolled back on purpose.
    candidate = model.state == ModelVersion.State.CANDIDATE
    return not candidate or model.judgement.get("model") == (active and active.pk)


def _retire_overdue(task: str) -> None:
    stale_since = _stale_since(task)
    if stale_since and stale_since <= timezone.now() - timedelta(days=settings.STALE_MODEL_DAYS):
        active = ModelVersion.objects.active(task)
        if active is not None and active.stale_since == stale_since:
            model_retire(model=active, actor=ACTOR)


def _stale_since(task: str) -> datetime | None:
    active = ModelVersion.objects.active(task)
    return active.stale_since if active else None


def _looked(task: str) -> str:
    """The name under which it is noted when the task was looked at."""
    return f"training.loop.looked.{task}"


def _at_work(task: str) -> bool:
    jobs = Job.objects.filter(kind="training.loop", subject=task)
    asked = jobs.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))
    return asked.exists() or _runs(task).filter(state__in=UNFINISHED).exists()


def _runs(task: str) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(task=task, promotes=True)


def _last(task: str) -> TrainingRun | None:
    return _runs(task).select_related("version").order_by("-created_at").first()
