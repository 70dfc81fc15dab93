"""What labeling does when collector announces something, and the jobs and rounds it has."""

import uuid
from datetime import timedelta
from itertools import chain
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from collector.files import erase_orphans, files_erase
from collector.models import Photo, PhotoQuerySet
from collector.signals import photo_state_changed, photo_submitted, photos_withdrawn
from operations.jobs.registry import housekeeping, job_handler
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job

from .measuring import changes_note, days_count
from .models import Analysis, Face, MaskedFace, UncountedDay
from .queue import queue_follow, queues_weigh_anew
from .video_work import IMPORT_VIDEO, video_work, videos_expire, videos_known

_COMPARED_A_ROUND = 300  # seconds of work: other rounds wait for this one


@receiver(photo_submitted)
def _queue_analysis(photo: Photo, **kwargs: Any) -> None:
    # A volunteer looks at the screen for the answer; a thousand imported pictures can wait behind them.
    priority = Job.Priority.BACKLOG if photo.import_batch_id else Job.Priority.WAITED_FOR
    job_enqueue(name="labeling.analyse_photo", subject=str(photo.pk), priority=priority)


@receiver(photo_state_changed)
def _follow(photo: Photo, **kwargs: Any) -> None:
    queue_follow(photo=photo)


@receiver(photos_withdrawn)
def _erase_faces(photos: PhotoQuerySet, **kwargs: Any) -> None:
    faces = Face.objects.filter(photo__in=photos).exclude(crop="")
    crops = dict(faces.values_list("pk", "crop"))
    masks = MaskedFace.objects.filter(face__photo__in=photos).values_list("image", "alpha")
    if crops:
        files_erase(subject=f"face:{min(crops)}", names=[*crops.values(), *chain.from_iterable(masks)])


@receiver(photos_withdrawn)
def _count_without(photos: PhotoQuerySet, **kwargs: Any) -> None:
    changes_note(photos)


@job_handler("labeling.analyse_photo", queue="media", time_limit=60)
def _analyse(job: RunningJob) -> None:
    from .analysis import photo_analyse

    subject = photo_analyse(photo_id=uuid.UUID(job.subject))
    job.said = f"a face {subject.height:.0f} px high" if subject else "no face, or nothing to do any more"


@job_handler("labeling.mask_face", queue="bulk", time_limit=300)
def _mask(job: RunningJob) -> None:
    from .masking import masks_wanted

    made = masks_wanted(face_id=uuid.UUID(job.subject), count=int(job.payload["count"]))
    job.said = f"{made} masks drawn"


# Hours of film take hours, and must not keep others from the queue's other process.
@job_handler(IMPORT_VIDEO, queue="bulk", time_limit=12 * 3600, alone=True)
def _import_video(job: RunningJob) -> None:
    video_work(video_id=uuid.UUID(job.subject), report=job.progress, fenced=job.fenced)


@housekeeping("labeling.expire_videos", every=timedelta(hours=1))
def _expire_videos() -> None:
    videos_expire()


@housekeeping("labeling.compare_photos", every=timedelta(minutes=1))
def _compare_photos() -> None:
    """Those whose worker was killed right after it had analysed them; every other one is compared at once."""
    from .duplicates import photo_compare

    since = timezone.now() - timedelta(minutes=1)
    waiting = Analysis.objects.filter(compared=False, analysed_at__lt=since).order_by("analysed_at")
    for photo_id in list(waiting.values_list("pk", flat=True)[:_COMPARED_A_ROUND]):
        photo_compare(photo_id=photo_id)


@job_handler("labeling.decide_anew", queue="bulk", time_limit=3600)
def _decide_anew(job: RunningJob) -> None:
    from .rules import decisions_anew

    if decisions_anew(slug=job.subject, report=job.progress):
        job_enqueue(name="labeling.decide_anew", subject=job.subject)


@job_handler("labeling.count_reviews", queue="bulk", time_limit=3600)
def _count_reviews(job: RunningJob) -> None:
    days_count(report=job.progress)


@housekeeping("labeling.count_reviews", every=timedelta(minutes=5))
def _count_what_changed() -> None:
    if UncountedDay.objects.exists():
        job_enqueue(name="labeling.count_reviews", subject="reviews", priority=Job.Priority.BACKLOG)


@housekeeping("labeling.weigh_queue", every=timedelta(hours=1))
def _weigh_queue() -> None:
    queues_weigh_anew()


@housekeeping("labeling.erase_orphans", every=timedelta(hours=1))
def _erase_orphaned_files() -> None:
    erase_orphans(
        "crops", lambda names: set(Face.objects.filter(crop__in=names).values_list("crop", flat=True))
    )
    erase_orphans("masks", _known_masks)
    erase_orphans("videos", videos_known)


def _known_masks(names: list[str]) -> set[str]:
    # The two files of a mask differ by their ending, and only images are indexed.
    images = {f"{name.rpartition('.')[0]}.jpg" for name in names}
    known = MaskedFace.objects.filter(image__in=images).values_list("image", "alpha")
    return set(chain.from_iterable(known))
