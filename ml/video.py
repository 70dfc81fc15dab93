"""Videos as frames, one after another, in constant memory.

OpenCV's own decoders read nearly everything that phones and browsers record; no other program is needed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from ml.pictures import Picture

#: Taken where a file does not say how many frames a second it has, or says what cannot be (browsers write 1000).
USUAL_FPS = 30.0
_POSSIBLE_FPS = (1.0, 250.0)
#: A container's count of frames may be an estimate: this much of it may be missing, and this many seconds.
_COUNT_SLACK = 0.01
_SECONDS_SLACK = 0.5
# Playlists name other files to be read in their stead, which nobody who gives a video means.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]")
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


class UnreadableVideo(ValueError):  # says what it is; callers show it to people
    """The file is not there, is no video, or has no frame that can be decoded."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        number: 0 for the video's first, counting those that were passed over.
        seconds: since the beginning.
        image: RGB uint8 [H, W, 3], upright.
    """

    number: int
    seconds: float
    image: Picture


class VideoReader:
    """The frames of a video, to be gone through once; memory holds one of them.

    A file that ends early is read as far as it goes: look at :attr:`warning` afterwards.

    Args:
        path: the file.
        rate: so many frames a second, evenly spread; None for all. More than the video has are all it has.

    Attributes:
        width, height: of the upright frames, in pixels.
        fps: frames a second, as far as the file says so.
        announced: how many frames the file says it has; 0 where it does not say.
        frames_read: how many could be read until now, those passed over included.

    Raises:
        UnreadableVideo: one sentence that says what is wrong and what would help.
    """

    def __init__(self, path: str | os.PathLike[str], *, rate: float | None = None) -> None:
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise ValueError("A rate is a number of frames a second above 0.")
        self.path = Path(path)
        self._rate = rate
        self._lost_bytes, has_index = _look_at_container(self.path)
        self._capture = _open(self.path)
        self.frames_read = 0
        self.seconds_read = 0.0
        self.width = self.height = 0
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if _POSSIBLE_FPS[0] <= fps <= _POSSIBLE_FPS[1] else USUAL_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.announced = int(count) if 0 < count < 1e9 and fps == self.fps else 0
        self._first = self._after(None)
        if self._first is None:
            self.close()
            raise UnreadableVideo(_why_unreadable(self.path, lost=self._lost_bytes > 0, has_index=has_index))
        self.height, self.width = self._first.image.shape[:2]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        frame, self._first = self._first, None
        while frame is not None:
            yield frame
            frame = self._after(frame)

    @property
    def duration(self) -> float:
        """Seconds, by what the file announces; 0 where it does not."""
        return self.announced / self.fps

    @property
    def truncated(self) -> bool:
        """Whether the file ended, or could not be decoded any more, before all that it announces was read.

        To be asked when all frames have been gone through.
        """
        if self._lost_bytes and (not self.announced or self.frames_read < self.announced):
            return True
        too_few = self.announced - self.frames_read > max(1, _COUNT_SLACK * self.announced)
        # Where frames are unevenly spread the count is an estimate from the duration, so that has to agree.
        return too_few and self.duration - self.seconds_read > min(_SECONDS_SLACK, self.duration / 4)

    @property
    def warning(self) -> str | None:
        """What to tell people when the file ended early, else None."""
        if not self.truncated:
            return None
        of = f" of {self.announced:,} announced" if self.announced else ""
        return (
            f"{self.path} ends early: {self.frames_read:,}{of} frames could be read, {self.seconds_read:.1f} s. "
            "What there was is processed; copy the file again if the rest matters."
        )

    def _after(self, last: Frame | None) -> Frame | None:
        """The next frame that is wanted; those between are passed over without making pixels of them."""
        while (seconds := self._grab()) is not None:
            if last and self._rate and slot_of(seconds, self._rate) <= slot_of(last.seconds, self._rate):
                continue
            there, image = self._capture.retrieve()
            if there and image is not None and image.size:
                return Frame(self.frames_read - 1, seconds, self._upright_rgb(image))
        return None

    def _grab(self) -> float | None:
        """Go to the next frame; returns its time in seconds, or None at the end."""
        if not self._capture.grab():
            return None
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self.frames_read and not seconds > self.seconds_read:
            # Damaged or missing timestamps (or none, NaN): the frame comes right after the one before it.
            seconds = self.seconds_read + 1 / self.fps
        self.seconds_read = seconds if seconds >= 0 else 0.0
        self.frames_read += 1
        return self.seconds_read

    def _upright_rgb(self, image: cv2.typing.MatLike) -> Picture:
        rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        if self.width and rgb.shape[:2] != (self.height, self.width):
            # A recording may change its size on the way; whoever writes or tracks needs one.
            rgb = np.asarray(cv2.resize(rgb, (self.width, self.height)), dtype=np.uint8)
        return rgb


def slot_of(seconds: float, rate: float) -> int:
    """Which slot of ``1 / rate`` seconds a time falls into, forgiving a rounded timestamp."""
    return math.floor(seconds * rate + 1e-3)


def _open(path: Path) -> cv2.VideoCapture:
    # Only what is decoded in place: by its name alone OpenCV would also take an address, a camera or a row of pictures.
    quiet_decoders()
    capture = cv2.VideoCapture()
    capture.open(str(path.resolve()), cv2.CAP_FFMPEG)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def quiet_decoders() -> None:
    """Keep the decoders' own chatter off standard error: what matters of it is said by our errors."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _look_at_container(path: Path) -> tuple[int, bool]:
    """How many bytes a file lacks by its own account, and whether it has its index, as far as can be told.

    MP4 and its kin (ISO/IEC 14496-12) are a row of boxes that begin with their lengths; of other containers
    nothing is known beforehand.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
            if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLISTS):
                raise UnreadableVideo(f"{path} is a playlist: name the video itself.")
            if head[4:8] not in _ISO_BOXES:
                return 0, True
            at, index = 0, False
            while at + 8 <= size:
                file.seek(at)
                head = file.read(16)
                length = int.from_bytes(head[:4], "big")
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                index = index or head[4:8] in (b"moov", b"moof")
                if length == 0:  # to the end of the file
                    return 0, index
                if length < 8:
                    break
                at += length
            return max(at - size, 0), index
    except FileNotFoundError:
        raise UnreadableVideo(f"{path} is not there: check the path.") from None
    except IsADirectoryError:
        raise UnreadableVideo(f"{path} is a folder: name the video inside it.") from None
    except PermissionError:
        raise UnreadableVideo(f"{path} may not be read by this user: change its permissions.") from None


def _why_unreadable(path: Path, *, lost: bool, has_index: bool) -> str:
    if path.stat().st_size == 0:
        return f"{path} is empty: copy it again."
    if not has_index:
        return (
            f"{path} is an MP4 without its index, which stands at the end: the recording was cut off. "
            "Copy it again; as it is nothing can be read."
        )
    if lost:
        return f"{path} is cut off before its first frame: copy it again."
    return f"{path} has no picture that can be decoded: it is no video, has sound alone, or is damaged."
