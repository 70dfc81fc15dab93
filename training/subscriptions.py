"""What training does when the rooms below announce something, and the jobs it has."""

import re
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.dispatch import receiver

from collector.models import Consent, Participant, Photo, PhotoQuerySet
from collector.signals import consent_revoked, photos_withdrawn, sharing_ended
from labeling.filters import queue_filter
from labeling.models import Decision, Face
from labeling.signals import decision_changed, face_found, photo_queued
from operations.jobs.housekeeping import round_begin
from operations.jobs.registry import housekeeping, job_handler
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job
from operations.signals import worker_beats

from . import shards
from .datasets import (
    dataset_revise,
    freezable,
    freeze_request,
    photo_resume,
    photo_suspend,
    photos_leave_datasets,
    photos_leave_releases,
)
from .execution import run_execute, runs_tidy
from .exports import services as exports
from .freezing import freeze_execute
from .loop import loop_look, loop_train
from .models import DatasetVersion, ModelVersion, Task
from .orphans import orphans_erase
from .run_folders import folders_tidy
from .signals import model_promoted, versions_shrunk

#: The tasks whose active model looks at every face.
LOOKING = (Task.SMILEY, Task.KEYPOINTS)


@receiver(face_found)
def _queue_prediction(face: Face, **kwargs: Any) -> None:
    if any(ModelVersion.objects.active(task) for task in LOOKING):
        priority = Job.Priority.BACKLOG if face.photo.import_batch_id else Job.Priority.WAITED_FOR
        job_enqueue(name="training.predict", subject=str(face.pk), priority=priority)


@receiver(model_promoted)
def _look_again(model: ModelVersion, **kwargs: Any) -> None:
    if model.task in LOOKING:
        # From the first face on, also where the job that waits has come half the way before another model served.
        _repredict_enqueue(str(model.pk), after="")


def _repredict_enqueue(model: str, *, after: str) -> None:
    payload = {"after": after}
    job_enqueue(name="training.repredict", subject=model, payload=payload, priority=Job.Priority.BACKLOG)


@receiver(photo_queued)
def _tell_opinion(photo: Photo, **kwargs: Any) -> None:
    from .predictions import opinion_tell

    opinion_tell(photo)


@queue_filter("dataset")
def _in_dataset(value: str) -> Q:
    if not re.fullmatch(r"[0-9]{1,6}", value):
        raise ValueError("A data set is named by its number.")
    return Q(photo__datasetitem__version=int(value))


@receiver(photos_withdrawn)
def _forget(photos: PhotoQuerySet, **kwargs: Any) -> None:
    photos_leave_datasets(photos=photos)
    shards.shards_forget(photos=photos)


@receiver(consent_revoked)
def _learn_no_more(participant: Participant, **kwargs: Any) -> None:
    _forget(_locked_photos(participant))


@receiver(decision_changed)
def _follow_hiding(photo: Photo, decision: Decision, before: str, **kwargs: Any) -> None:
    if decision.outcome == Decision.Outcome.HIDDEN:
        if photo_suspend(photo=photo):
            shards.shards_forget(photos=Photo.objects.filter(pk=photo.pk))
    elif before == Decision.Outcome.HIDDEN:
        photo_resume(photo=photo)


@receiver(worker_beats)
def _tidy_folders(**kwargs: Any) -> None:
    folders_tidy()


@receiver(sharing_ended)
def _release_no_more(consent: Consent, **kwargs: Any) -> None:
    _locked_photos(consent.participant)
    exports.photos_leave_exports(versions=photos_leave_releases(ended=consent), releases_only=True)


def _locked_photos(participant: Participant) -> PhotoQuerySet:
    """What somebody gave; locked before anything of theirs, as whoever withdraws one of them at this moment does."""
    photos = Photo.objects.filter(participant=participant, import_batch=None)
    list(photos.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return photos


@receiver(versions_shrunk)
def _export_no_more(numbers: list[int], **kwargs: Any) -> None:
    exports.photos_leave_exports(versions=numbers)


@job_handler("training.predict", queue="media", time_limit=60)
def _predict(job: RunningJob) -> None:
    from .predictions import keypoints_make, prediction_make

    prediction_make(face_id=uuid.UUID(job.subject))
    keypoints_make(face_id=uuid.UUID(job.subject))


@job_handler("training.repredict", queue="bulk", time_limit=1800, alone=True)
def _repredict(job: RunningJob) -> None:
    from .repredicting import faces_repredict

    after = uuid.UUID(job.payload["after"]) if job.payload.get("after") else None
    last = faces_repredict(model_id=int(job.subject), after=after, report=job.progress)
    # Asked for anew meanwhile, it begins with the first face, and comes by the others then.
    asked_anew = Job.objects.filter(kind="training.repredict", subject=job.subject, state=Job.State.QUEUED)
    if last is not None and not asked_anew.exists():
        _repredict_enqueue(job.subject, after=str(last))


@job_handler("training.freeze_dataset", queue="bulk", time_limit=3600)
def _freeze(job: RunningJob) -> None:
    freeze_execute(job=job)


@job_handler("training.revise_dataset", queue="bulk", time_limit=3600)
def _revise(job: RunningJob) -> None:
    dataset_revise(number=int(job.subject))


@job_handler(exports.JOB, queue="bulk", time_limit=6 * 3600, alone=True)
def _export(job: RunningJob) -> None:
    from .exports.building import export_execute

    export_execute(job=job)


@job_handler(shards.JOB, queue="bulk", time_limit=1800)
def _pack_shard(job: RunningJob) -> None:
    shards.shard_build(job=job)


@job_handler("training.mask_dataset", queue="bulk", time_limit=1800)
def _mask(job: RunningJob) -> None:
    from .masks import dataset_mask

    after = uuid.UUID(job.payload["after"]) if job.payload.get("after") else None
    last = dataset_mask(number=int(job.subject), after=after, report=job.progress)
    if last is not None:
        job_enqueue(name="training.mask_dataset", subject=job.subject, payload={"after": str(last)})


@job_handler("training.loop", queue="bulk", time_limit=3600, alone=True)
def _loop(job: RunningJob) -> None:
    loop_train(job=job)


@job_handler("training.train", queue="train", time_limit=None)
def _train(job: RunningJob) -> None:
    run_execute(job=job)


@housekeeping("training.loop", every=timedelta(seconds=30))
def _look_what_is_due() -> None:
    loop_look()


@housekeeping("training.freeze", every=timedelta(seconds=30))
def _freeze_by_the_clock() -> None:
    hours = settings.FREEZE_HOURS
    if hours and freezable().exists() and round_begin("training.freeze.clock", timedelta(hours=hours)):
        freeze_request(actor="clock")


@housekeeping("training.keep_masks", every=timedelta(days=1))
def _keep_masks() -> None:
    """What was left out when the version was frozen, for its photos had no crop or its job was put aside."""
    newest = DatasetVersion.objects.frozen().order_by("-number").first()
    if newest is not None and settings.MASKS_PER_FACE:
        job_enqueue(name="training.mask_dataset", subject=str(newest.number))


@housekeeping("training.tidy_runs", every=timedelta(seconds=30))
def _tidy_runs() -> None:
    runs_tidy()


@housekeeping("training.tidy_packs", every=timedelta(seconds=30))
def _tidy_packs() -> None:
    shards.shards_tidy()


@housekeeping("training.expire_exports", every=timedelta(hours=1))
def _expire_exports() -> None:
    exports.exports_expire()


@housekeeping("training.erase_orphans", every=timedelta(hours=1))
def _erase_orphaned_files() -> None:
    orphans_erase()
