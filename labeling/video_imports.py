"""Bringing the faces of a video in, through the same intake as everybody's uploads."""

import hashlib
import io
import math
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from django.db import transaction
from PIL import Image

from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_import
from operations.problems import Problem

from .services import label_import

if TYPE_CHECKING:
    from ml.pictures import Picture
    from ml.tracks import FaceTrack
    from ml.video_samples import FaceSample

#: In place of a name: nobody of this track comes in.
LEAVE_OUT = "."
#: What a phone's camera gives is no better for being larger, and the intake has its limits.
LONGEST_SIDE = 2560
#: Of what the intake refuses so much is told; the rest is counted.
REFUSALS_TOLD = 20


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
    """A video, known by its content: a copy under another name brings nothing in twice. `name` is what people call it,
    where that is not its path."""

    path: Path
    sha256: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or str(self.path)

    def named(self, sentence: str) -> str:
        """A sentence about the path as one about what people call it."""
        return sentence.replace(str(self.path), str(self))

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

    photo: Photo | None
    new: bool = False
    problem: str = ""


@dataclass
class SeenTrack:
    """Somebody in a video, from when to when in seconds, and how many of the faces worth keeping are theirs."""

    number: int
    first: float
    last: float
    photos: int

    @classmethod
    def of(cls, track: "FaceTrack", photos: int) -> "SeenTrack":
        return cls(track.number or 0, track.first_seconds, track.last_seconds, photos)


@dataclass
class VideoResult:
    """What became of the faces of a video.

    `new` came in, `before` were there, `refused` the intake did not take (`refusals` says why, of the first), and
    `left_out` are those of tracks that do not come in. `tracks` are those that did, by number.
    """

    new: int = 0
    before: int = 0
    refused: int = 0
    left_out: int = 0
    refusals: list[str] = field(default_factory=list)
    tracks: dict[int, SeenTrack] = field(default_factory=dict)

    def seldom_together(self, cast: Cast) -> tuple[int, int] | None:
        """Two unnamed tracks that are never seen together, and so may be one person."""
        unnamed = [track for track in self.tracks.values() if not cast.is_named(track.number)]
        apart = ((a.number, b.number) for a in unnamed for b in unnamed if a.last < b.first)
        return next(apart, None)


class VideoPass:
    """Once through a video: for each frame that is looked at the faces worth keeping that came with it, mostly none.

    The same file and rate give the same faces. Memory holds a frame. `total` frames are to be expected; `warning` and
    `dropped` are to be asked at the end. Raises Problem: video_unreadable.
    """

    def __init__(self, video: VideoFile, *, rate: float) -> None:
        # Vision libraries are loaded only where a video is looked at.
        from ml.video import UnreadableVideo, VideoReader
        from ml.video_faces import FOLLOWING_RATE
        from ml.video_samples import FaceSampler

        self.video = video
        self._sampler = FaceSampler(rate)
        following = max(FOLLOWING_RATE, rate)
        try:
            self._reader = VideoReader(video.path, rate=following)
        except UnreadableVideo as error:
            raise Problem("video_unreadable", video.named(str(error)), status=422) from error
        self.total = min(self._reader.announced, math.ceil(self._reader.duration * following)) + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def __iter__(self) -> "Iterator[list[FaceSample]]":
        from ml.video_samples import sample_faces

        return sample_faces(self._reader, self._sampler)

    @property
    def warning(self) -> str:
        """What to tell people when the file ended early, else empty."""
        return self.video.named(self._reader.warning or "")

    @property
    def dropped(self) -> str:
        """What was left out, in words."""
        counts = self._sampler.sampling.dropped()
        return ", ".join(f"{count:,} {word}" for word, count in counts.items()) or "nothing"


def video_import(
    frames: "Iterable[list[FaceSample]]",
    *,
    batch: ImportBatch,
    video: VideoFile,
    cast: Cast,
    smiley: Smiley,
    accept: bool,
) -> VideoResult:
    """Take in the faces of a video, given by a :class:`VideoPass`. Interrupted and begun again, it goes on.

    Raises Problem: track_renamed, smiley_changed.
    """
    result, seen, photos = VideoResult(), {}, Counter[int]()
    for sample in (sample for samples in frames for sample in samples):
        if cast.leaves_out(sample):
            result.left_out += 1
            continue
        number = sample.track.number or 0
        imported = face_import(
            batch=batch, video=video, sample=sample, cast=cast, smiley=smiley, accept=accept
        )
        seen[number] = sample.track
        if imported.photo is None:
            result.refused += 1
            if result.refused <= REFUSALS_TOLD:
                result.refusals.append(
                    f"Second {sample.seconds:.1f}, {cast.name(number)}: {imported.problem}"
                )
            continue
        photos[number] += 1
        result.new += imported.new
        result.before += not imported.new
    result.tracks = {number: SeenTrack.of(track, photos[number]) for number, track in seen.items()}
    return result


def video_tracks(
    frames: "Iterable[list[FaceSample]]", show: "Callable[[int, Picture], None]"
) -> list[SeenTrack]:
    """Who is in a video; `show` gets the number and the first picture of each. Nothing comes in."""
    seen: dict[int, FaceTrack] = {}
    photos = Counter[int]()
    for sample in (sample for samples in frames for sample in samples):
        number = sample.track.number or 0
        if number not in seen:
            show(number, sample.image)
        seen[number] = sample.track
        photos[number] += 1
    return [SeenTrack.of(seen[number], photos[number]) for number in sorted(seen)]


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
            f"Track {track} of {video} came in before under another name than {cast.name(track)!r}. Name it as"
            " then, or withdraw those photos and bring it in under another source: withdrawn photos do not come back"
            " into their import.",
            status=409,
        )
    if known is not None and known.smiley_id != smiley.pk:
        raise Problem(
            "smiley_changed",
            f"{video} came in before as {known.smiley.slug}, not as {smiley.slug}: correct that in review.",
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
        return ImportedFace(None, problem=str(problem))
    return ImportedFace(photo, new=new)


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
