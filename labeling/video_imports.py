"""Bringing the faces of a video in, through the same intake as everybody's uploads."""

import hashlib
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from PIL import Image

from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_import
from operations.problems import Problem

from .services import label_import

if TYPE_CHECKING:
    from ml.video import VideoReader
    from ml.video_samples import FaceSample, FaceSampler

#: In place of a name: nobody of this track comes in.
LEAVE_OUT = "."
#: What a phone's camera gives is no better for being larger, and the intake has its limits.
LONGEST_SIDE = 2560


@dataclass(frozen=True)
class Cast:
    """Who the tracks of a video are, as the operator names them.

    `names` are those of track 1, 2, …; the same name twice is the same person, `.` leaves a track out, and tracks
    beyond the names stay unnamed, each a person of its own. With `everybody` all tracks are that one person, and
    frames with somebody else in them are left out.
    """

    names: Sequence[str] = ()
    everybody: str = ""

    def name(self, track: int) -> str:
        """What a track is called in messages; `LEAVE_OUT` for one that does not come in."""
        if self.everybody:
            return self.everybody
        return (self.names[track - 1] if track <= len(self.names) else "") or f"track {track}"

    def leaves_out(self, sample: "FaceSample") -> bool:
        return self.name(sample.track.number or 0) == LEAVE_OUT or bool(self.everybody and sample.company)

    def is_named(self, track: int) -> bool:
        return bool(self.everybody or (track <= len(self.names) and self.names[track - 1]))


@dataclass(frozen=True)
class VideoFile:
    """A video, known by its content: a copy under another name brings nothing in twice."""

    path: Path
    sha256: str

    @classmethod
    def at(cls, path: Path) -> "VideoFile":
        """Raises Problem when the file cannot be read."""
        try:
            with path.open("rb") as file:
                return cls(path, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise Problem("video_unreadable", f"{path} cannot be read: {error.strerror}.") from error


@dataclass(frozen=True)
class ImportedFace:
    """What became of a face: the photo, or the problem why there is none."""

    track: int
    frame: int
    seconds: float
    photo: Photo | None
    new: bool = False
    problem: str = ""


def video_faces(reader: "VideoReader", sampler: "FaceSampler") -> Iterator[list["FaceSample"]]:
    """For each frame that was looked at the faces worth keeping that came with it, mostly none."""
    from ml.video_samples import sample_faces  # vision libraries are loaded only where a video is looked at

    return sample_faces(reader, sampler)


def face_import(
    *, batch: ImportBatch, video: VideoFile, sample: "FaceSample", cast: Cast, smiley: Smiley, accept: bool
) -> ImportedFace:
    """Take in one face of one frame. Its ids follow from the batch and the video, so that it is never there twice.

    What the intake refuses is reported, and nothing of it is kept. Raises Problem: track_renamed, when the same face
    came in before as somebody else, for a person must not move between training and test.
    """
    track = sample.track.number or 0
    participant_id = _participant_id(batch, video, cast, track)
    client_id = uuid.uuid5(batch.pk, f"video {video.sha256} frame {sample.frame} track {track}")
    known = Photo.objects.filter(import_batch=batch, client_id=client_id).first()
    if known is not None and known.participant_id != participant_id:
        raise Problem(
            "track_renamed",
            f"Track {track} of {video.path} came in before under another name than {cast.name(track)!r}. Withdraw"
            " those photos first, or name it as then.",
            status=409,
        )
    if known is not None and known.smiley_id != smiley.pk:
        raise Problem(
            "smiley_changed",
            f"{video.path} came in before as {known.smiley.slug}, not as {smiley.slug}: correct that in review.",
            status=409,
        )
    data = _jpeg(sample) if known is None else b""
    try:
        # One transaction, so that a kill between the two leaves no photo without the label it came with.
        with transaction.atomic():
            if known is None:
                participant = Participant.objects.get_or_create(pk=participant_id)[0]
                photo, new = photo_import(
                    batch=batch,
                    participant=participant,
                    smiley=smiley,
                    client_id=client_id,
                    data=data,
                )
            else:
                photo, new = known, False
            if accept:
                label_import(photo=photo, smiley=smiley)
    except Problem as problem:
        return ImportedFace(track, sample.frame, sample.seconds, None, problem=str(problem))
    return ImportedFace(track, sample.frame, sample.seconds, photo, new=new)


def _participant_id(batch: ImportBatch, video: VideoFile, cast: Cast, track: int) -> uuid.UUID:
    if cast.is_named(track):
        # As in a folder's labels: the same name in the same batch is the same person, whatever they came in by.
        return uuid.uuid5(batch.pk, f"person {cast.name(track)}")
    return uuid.uuid5(batch.pk, f"video {video.sha256} track {track}")


def _jpeg(sample: "FaceSample") -> bytes:
    image = Image.fromarray(sample.image)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()
