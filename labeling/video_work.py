"""The use cases of a video that has come in: gone through by a worker, named by staff, erased."""

import io
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from collector.files import atomic_with_files, files_erase
from operations.audit import audit_record
from operations.jobs.running import JobRefused
from operations.jobs.services import job_enqueue, job_retry
from operations.models import Job
from operations.private_files import files_beginning, on_disk
from operations.problems import Problem

from .models import VideoImport
from .video_imports import Cast, VideoFile, VideoPass, video_import, video_tracks

if TYPE_CHECKING:
    from ml.pictures import Picture

T = TypeVar("T")
Report = Callable[[int, int, str], None]
Fence = Callable[[], AbstractContextManager[None]]

IMPORT_VIDEO = "labeling.import_video"
PICTURE_SIZE = 256
TOLD_EVERY = 1.0  # seconds


def video_work(*, video_id: uuid.UUID, report: Report, fenced: Fence) -> None:
    """Go through a video: find out who is in it, or, when that has been said, bring the faces in.

    Safe to repeat, and to go on with after a kill. `report` is told how far it is; what comes of it is written in a
    transaction by `fenced`. Raises JobRefused when it cannot be done.
    """
    video = VideoImport.objects.filter(pk=video_id, finished_at=None).exclude(file="").first()
    if video is None or (video.has_to_be_named and video.tracks is not None):
        return
    try:
        with on_disk(video.file) as path:
            known = VideoFile(path, video.sha256, video.name)
            with VideoPass(known, rate=video.rate) as way:
                if video.has_to_be_named:
                    _look(video, way, report, fenced)
                else:
                    _bring_in(video, known, way, report, fenced)
    except FileNotFoundError as error:
        raise JobRefused(f"{video.name} is not in the storage any more: send it again.") from error
    except Problem as problem:
        raise JobRefused(problem.detail) from problem


def _look(video: VideoImport, way: VideoPass, report: Report, fenced: Fence) -> None:
    pictures: dict[int, bytes] = {}

    def show(number: int, picture: "Picture") -> None:
        pictures[number] = _face_picture(picture)

    tracks = video_tracks(_reported(way, way.total, report, "looking who is in it"), show)
    for number, picture in pictures.items():
        default_storage.save(video.picture_name(number), ContentFile(picture))
    with fenced(), atomic_with_files(*map(video.picture_name, pictures)):
        current = _lock(video)
        if not current.file:
            raise JobRefused("The video was erased meanwhile.")
        current.tracks = [asdict(track) for track in tracks]
        current.result = {"warning": way.warning, "dropped": way.dropped}
        if not tracks:
            _finish(current, current.result)
        current.save()


def _bring_in(video: VideoImport, known: VideoFile, way: VideoPass, report: Report, fenced: Fence) -> None:
    people = video.people or []
    cast = Cast(everybody=people[0]) if video.who == VideoImport.Who.ONE else Cast(people)
    result = video_import(
        _reported(way, way.total, report, "bringing faces in"),
        batch=video.batch,
        video=known,
        cast=cast,
        smiley=video.smiley,
        accept=video.accept,
    )
    with fenced():
        current = _lock(video)
        if current.finished_at is not None:
            return
        tracks = [asdict(result.tracks[number]) for number in sorted(result.tracks)]
        counts = {name: getattr(result, name) for name in ("new", "before", "refused", "left_out")}
        facts = {"tracks": tracks, "refusals": result.refusals, "apart": result.seldom_together(cast)}
        _finish(current, {**counts, **facts, "warning": way.warning, "dropped": way.dropped})
        current.save()


def _finish(video: VideoImport, result: dict[str, Any]) -> None:
    """Note what came of it, and let go of the video and of who is in it. Not saved."""
    files_erase(subject=f"video:{video.pk}", names={*video.files, *files_beginning(video.name_start)})
    video.result, video.finished_at = result, timezone.now()
    video.file, video.people, video.tracks, video.erased = "", None, None, True
    audit_record(
        actor="system",
        action="video_imported",
        subject=f"video:{video.pk}",
        **{name: result[name] for name in ("new", "before", "refused") if name in result},
    )


@transaction.atomic
def video_name(*, video: VideoImport, people: Sequence[str], actor: str) -> None:
    """Say who the tracks are, in their order, and have the faces brought in. See `Cast` for the names.

    Raises Problem: video_named_already.
    """
    current = _lock(video)
    if current.stage != VideoImport.Stage.NAMELESS:
        raise Problem("video_named_already", "Somebody has said who is who meanwhile.", status=409)
    current.people = [name.strip() for name in people]
    video_enqueue(current)
    current.save()
    audit_record(actor=actor, action="video_named", subject=f"video:{video.pk}")


@transaction.atomic
def video_retry(*, video: VideoImport, actor: str) -> None:
    """Have a worker try again what failed. Raises Problem: video_not_failed."""
    current = _lock(video)
    if current.stage != VideoImport.Stage.FAILED or current.job is None:
        raise Problem("video_not_failed", "There is nothing to try again.", status=409)
    job_retry(job=current.job)
    audit_record(actor=actor, action="video_retried", subject=f"video:{video.pk}")


@transaction.atomic
def video_erase(*, video: VideoImport, actor: str) -> None:
    """Let go of a video whose faces are not in; those that are stay. Raises Problem: video_at_work."""
    current = _lock(video)
    if current.stage == VideoImport.Stage.RUNNING:
        raise Problem("video_at_work", "A worker is going through it: wait until it is done.", status=409)
    files_erase(subject=f"video:{video.pk}", names={*current.files, *files_beginning(current.name_start)})
    current.file, current.people, current.tracks, current.erased = "", None, None, True
    current.save()
    audit_record(actor=actor, action="video_erased", subject=f"video:{video.pk}")


def videos_expire() -> None:
    """Erase the videos that have been kept for too long."""
    before = timezone.now() - timedelta(days=settings.VIDEO_KEEP_DAYS)
    for video in VideoImport.objects.kept().filter(created_at__lte=before).select_related("job"):
        if video.stage != VideoImport.Stage.RUNNING:
            video_erase(video=video, actor="system")


def videos_known(names: list[str]) -> set[str]:
    """Which of these stored names belong to a video that is still kept."""
    ids = {name: name.rpartition("/")[2][:36] for name in names}
    kept = VideoImport.objects.kept().filter(pk__in=filter(_is_uuid, ids.values()))
    there = {str(pk) for pk in kept.values_list("pk", flat=True)}
    return {name for name, pk in ids.items() if pk in there}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def video_enqueue(video: VideoImport) -> None:
    """Have a worker go through it once the caller's transaction has committed."""
    job = job_enqueue(name=IMPORT_VIDEO, subject=str(video.pk), priority=Job.Priority.BACKLOG)
    VideoImport.objects.filter(pk=video.pk).update(job=job)
    video.job = job


def _lock(video: VideoImport) -> VideoImport:
    return VideoImport.objects.select_for_update(of=("self",)).select_related("job", "batch").get(pk=video.pk)


def _reported(frames: Iterable[T], total: int, report: Report, said: str) -> Iterator[T]:
    """The same frames; now and then somebody is told how many there were."""
    told = 0.0
    for done, frame in enumerate(frames):
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            report(done, max(total, done), said)
        yield frame


def _face_picture(image: "Picture") -> bytes:
    """The face of a picture cut out as a JPEG; the whole of it where none is found again."""
    from PIL import Image

    from .analysis import analyser
    from .crops import crop_encode

    subject = analyser().analyse(image).subject
    if subject is not None:
        return crop_encode(subject.crop(image, PICTURE_SIZE))
    whole, out = Image.fromarray(image), io.BytesIO()
    whole.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
    whole.save(out, "JPEG")
    return out.getvalue()
