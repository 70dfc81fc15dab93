"""The use cases of a video on its way in. A browser sends it in pieces, for a line may break in an hour of sending."""

import errno
import io
import shutil

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from collector.files import atomic_with_files, files_erase
from collector.models import ImportBatch, Smiley
from operations.audit import audit_record
from operations.private_files import files_beginning
from operations.problems import Problem

from .imports import batch_open
from .models import VideoImport, videos
from .video_files import JoinedPieces, begins_like_a_video
from .video_work import video_enqueue


def video_begin(
    *,
    name: str,
    size: int,
    words: dict[str, str],
    smiley: Smiley,
    rate: float,
    who: str,
    person: str,
    accept: bool,
    actor: str,
) -> VideoImport:
    """Note that a video of `size` bytes is about to come in. `words` are source, licence and legal basis.

    Raises Problem: video_empty, video_too_large, no_room, person_missing.
    """
    if size < 1:
        raise Problem("video_empty", f"{name} is empty: choose another file.")
    if size > settings.VIDEO_MAX_BYTES:
        raise Problem(
            "video_too_large",
            f"{name} has {_megabytes(size)}, and at most {_megabytes(settings.VIDEO_MAX_BYTES)} are taken: cut it,"
            " compress it, or have VIDEO_MAX_BYTES raised.",
        )
    # Twice, for the pieces are put together before they go.
    if shutil.disk_usage(settings.DATA_DIR).free < 2 * size:
        raise _no_room()
    if who == VideoImport.Who.ONE and not person:
        raise Problem("person_missing", "Say who the one person is, by any name that you will use again.")
    with transaction.atomic():
        return VideoImport.objects.create(
            name=name[-120:],
            size=size,
            batch=batch_open(**words),
            smiley=smiley,
            rate=rate,
            accept=accept,
            who=who,
            people=[person] if who == VideoImport.Who.ONE else None if who == VideoImport.Who.ASK else [],
            created_by=actor,
        )


def video_take(*, video: VideoImport, at: int, data: bytes) -> int:
    """Keep a piece of a video that is coming in; with the last one the video is there, and a worker is told.

    Returns from which byte on to go on. A piece that came before changes nothing. Raises Problem: piece_wrong,
    not_a_video and video_waits_already (then all of it is let go), no_room, video_gone.
    """
    if at < video.received or video.file:
        return _complete(video) if video.received == video.size else video.received
    if at != video.received or len(data) != min(videos.PIECE_BYTES, video.size - at):
        raise Problem("piece_wrong", f"Go on at byte {video.received}.", status=409, received=video.received)
    if at == 0 and not begins_like_a_video(data[:512]):
        video_drop(video=video)
        raise Problem(
            "not_a_video",
            f"{video.name} is no video: an MP4, MOV, WebM, MKV, AVI or MPEG file is needed.",
            status=422,
        )
    try:
        default_storage.save(video.piece_name(at), ContentFile(data))
    except OSError as error:
        raise _no_room() if error.errno == errno.ENOSPC else error from error
    rest = VideoImport.objects.filter(pk=video.pk, received=at, file="")
    if not rest.update(received=at + len(data)):
        raise Problem("video_gone", "It was erased meanwhile, or is sent from elsewhere, too.", status=409)
    video.received = at + len(data)
    return _complete(video) if video.received == video.size else video.received


def video_drop(*, video: VideoImport) -> None:
    """Forget a video that has not come in as a whole. Nothing of it stays."""
    with transaction.atomic():
        current = VideoImport.objects.select_for_update().filter(pk=video.pk, sha256="").first()
        if current is None:
            return
        files_erase(subject=f"video:{video.pk}", names={*current.files, *files_beginning(current.name_start)})
        current.delete()
        ImportBatch.objects.filter(pk=current.batch_id, photo=None, videos=None).delete()


def _complete(video: VideoImport) -> int:
    """Put the pieces together. Safe to repeat, and to do twice at once."""
    if video.file:
        return video.size
    pieces = video.files
    whole = JoinedPieces(pieces)
    name = f"{video.name_start}.video"
    try:
        default_storage.save(name, File(io.BufferedReader(whole, 1024 * 1024)))
        with atomic_with_files(name):
            current = VideoImport.objects.select_for_update().get(pk=video.pk)
            if not current.file:
                current.file, current.sha256 = name, whole.sha256.hexdigest()
                current.save()
                video_enqueue(current)
                files_erase(subject=f"pieces:{video.pk}", names=pieces)
                audit_record(
                    actor=video.created_by,
                    action="video_received",
                    subject=f"video:{video.pk}",
                    name=video.name,
                )
    except IntegrityError as error:
        video_drop(video=video)
        twins = VideoImport.objects.filter(sha256=whole.sha256.hexdigest(), batch=video.batch_id)
        twin = twins.exclude(file="").first()
        raise Problem(
            "video_waits_already",
            f"This very video is here already{f', as {twin.name}' if twin else ''}, and its faces are not in yet.",
            status=409,
        ) from error
    except OSError as error:
        raise _no_room() if error.errno == errno.ENOSPC else error from error
    return video.size


def _no_room() -> Problem:
    return Problem("no_room", "The disk has no room for it: make room, and send it again.", status=507)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
