"""Writing a video: aside first, then by its name, with the sound of another where ffmpeg can copy it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ml.pictures import Picture
from ml.video import quiet_decoders

#: What OpenCV's wheel can encode without another program, by the file's ending.
CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".m4v": "mp4v", ".mkv": "mp4v", ".avi": "XVID", ".webm": "VP80"}
#: A gap in the timestamps is filled by repeating the frame, but not for longer than this, in seconds.
_LONGEST_GAP = 10.0


class UnwritableVideo(ValueError):  # says what it is; callers show it to people
    """The video cannot be written where or as what was asked."""


class VideoOutput:
    """Frames into a file at an even rate: one that comes late stands for longer, so that sound stays in step."""

    def __init__(self, path: Path, *, width: int, height: int, fps: float) -> None:
        quiet_decoders()
        codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
        # Codecs halve the colours: an odd last row or column has no partner and is left out.
        self._size = (width - width % 2, height - height % 2)
        self._fps = fps
        self.frames = 0
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, fps, self._size)
        if not self._writer.isOpened():
            raise UnwritableVideo(
                f"{path.parent} takes no {path.suffix} of {width}×{height} pixels: "
                "may it be written, is there room, is the picture at least 2×2?"
            )

    def write(self, image: Picture, seconds: float) -> None:
        """Add a frame, RGB uint8 [H, W, 3], that is seen from ``seconds`` on."""
        # Beyond a gap that long the timestamps are damaged, not the film.
        due = min(round(seconds * self._fps), self.frames + round(_LONGEST_GAP * self._fps))
        bgr = cv2.cvtColor(np.ascontiguousarray(image[: self._size[1], : self._size[0]]), cv2.COLOR_RGB2BGR)
        while self.frames <= due:
            self._writer.write(bgr)
            self.frames += 1

    def close(self) -> None:
        """Write what is left and the index."""
        self._writer.release()


@contextmanager
def written_aside(out: Path) -> Iterator[Path]:
    """A path beside ``out`` to write to, which gets its name when all went well and is removed when not."""
    if out.suffix.lower() not in CODECS:
        raise UnwritableVideo(
            f"{out} should end in one of {', '.join(sorted(CODECS))}: that is what can be written."
        )
    if not out.parent.is_dir():
        raise UnwritableVideo(f"There is no folder {out.parent}: make it first.")
    if out.is_dir():
        raise UnwritableVideo(f"{out} is a folder: name a file.")
    aside = out.with_name(f".{out.stem}.{os.getpid()}.aside{out.suffix}")
    try:
        yield aside
        _check_complete(aside)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)


def _check_complete(path: Path) -> None:
    """OpenCV says nothing when the disk is full; a file that was cut off cannot be opened, or is empty."""
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    complete = path.is_file() and capture.isOpened() and capture.grab()
    capture.release()
    if not complete:
        raise UnwritableVideo(f"{path.parent} has not taken the whole video: is there room?")


def find_ffmpeg() -> str | None:
    """The program, where it is installed."""
    return shutil.which("ffmpeg")


def copy_sound(video: Path, source: Path) -> str:
    """Put the sound of ``source`` into ``video``, unchanged, with ffmpeg.

    Returns:
        ``kept``; ``none`` where the source has none; ``no ffmpeg``; ``not kept`` where the container of
        ``video`` does not take that kind of sound. In all but the first the video is left as it was.
    """
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        return "no ffmpeg"
    # Absolute, so that a name with a colon or a dash in front is a file and nothing else.
    sounding = video.with_name(f"{video.stem}.sound{video.suffix}").resolve()
    line = [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    line += ["-i", str(video.resolve()), "-i", str(source.resolve())]
    # The picture's title, place and device are not the sound's: no metadata come over.
    line += ["-map", "0:v:0", "-map", "1:a", "-c", "copy", "-map_metadata", "-1", str(sounding)]
    try:
        ran = subprocess.run(line, capture_output=True, text=True, errors="replace")
        if ran.returncode == 0:
            sounding.replace(video)
            return "kept"
        return "none" if "matches no streams" in ran.stderr else "not kept"
    finally:
        sounding.unlink(missing_ok=True)
