"""Where a training works: a folder for each attempt at a run, so that no two ever write in the same place.

    DATA_DIR/runs/RUN.ATTEMPT/pack       the pixels, for as long as the attempt lasts
    DATA_DIR/runs/RUN.ATTEMPT/artifact   a folder for each of its trainings: checkpoints, and in the end the model
    DATA_DIR/runs/RUN.ATTEMPT/log.txt

An attempt is known by its job's lease token. A worker that was given up for dead may still be writing: it does so
in its own folder, from which the next attempt has moved the checkpoints away.
"""

import shutil
from pathlib import Path

from django.conf import settings

from operations.jobs.running import RunningJob
from operations.models import Job

_KEPT = "artifact"


def folder_open(job: RunningJob) -> Path:
    """This attempt's folder, with the checkpoints of the one before."""
    folder = _root() / f"{job.subject}.{job.token}"
    folder.mkdir(parents=True)
    for former in _root().glob(f"{job.subject}.*"):
        if (former / _KEPT).is_dir() and not (folder / _KEPT).exists():
            (former / _KEPT).rename(folder / _KEPT)
        if former != folder:
            folder_remove(former)
    return folder


def folder_remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def folders_tidy() -> None:
    """Remove what is left of attempts that are over; the checkpoints too, unless the run is still to be done.

    Looks at this machine only, so that the workers of each do it at every sign of life.
    """
    # Listed before the jobs are read: the lease under which a folder was made is older than the folder.
    if not (folders := list(_root().glob("*.*"))):
        return
    unfinished = Job.objects.filter(
        kind="training.train", state__in=(Job.State.QUEUED, Job.State.RUNNING)
    ).values_list("subject", "lease_token")
    waiting = {run for run, _ in unfinished}
    at_work = {f"{run}.{attempt}" for run, attempt in unfinished}
    for folder in folders:
        if folder.name in at_work:
            continue
        if folder.name.partition(".")[0] not in waiting:
            folder_remove(folder)
        for path in folder.glob("*"):
            if path.name != _KEPT:
                folder_remove(path) if path.is_dir() else path.unlink(missing_ok=True)


def _root() -> Path:
    return Path(settings.DATA_DIR) / "runs"
