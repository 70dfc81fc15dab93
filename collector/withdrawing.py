"""Taking back more photos than anybody waits for: all results of a search in admin, in jobs."""

import uuid

from django.db import transaction

from operations.jobs.registry import job_handler
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job

from .models import Photo, PhotoQuerySet
from .services import photo_withdraw

WITHDRAWAL = "collector.withdraw_photos"
_AT_ONCE = 500  # photos a job: a minute's work, so that other jobs come in between


@transaction.atomic
def photos_withdraw_later(*, photos: PhotoQuerySet, actor: str) -> int:
    """Have exactly these photos withdrawn, whatever the same search would find by then. Returns how many."""
    count, after = 0, uuid.UUID(int=0)
    keys = photos.order_by("pk").values_list("pk", flat=True)
    while page := list(keys.filter(pk__gt=after)[:_AT_ONCE]):
        payload = {"photos": [str(pk) for pk in page], "actor": actor}
        job_enqueue(
            name=WITHDRAWAL, subject=f"photos:{page[0]}", payload=payload, priority=Job.Priority.BACKLOG
        )
        count, after = count + len(page), page[-1]
    return count


@job_handler(WITHDRAWAL, queue="bulk", time_limit=900)
def _withdraw(job: RunningJob) -> None:
    # Each photo in a transaction of its own: interrupted and begun again the job finds those gone that it withdrew.
    ids = [uuid.UUID(text) for text in job.payload["photos"]]
    left = list(Photo.objects.filter(pk__in=ids).order_by("pk"))
    for done, photo in enumerate(left, start=len(ids) - len(left)):
        if done % 10 == 0:
            job.progress(done, len(ids))
        photo_withdraw(photo=photo, actor=job.payload["actor"])
    job.progress(len(ids), len(ids))
