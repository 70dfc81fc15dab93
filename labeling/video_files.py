"""Videos as files: how they are told from other files, put together, and where programs can open them."""

import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage

# How files begin that hold moving pictures: Matroska and WebM, MPEG, Ogg, WMV, FLV.
_BEGINNINGS = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"OggS", b"0&\xb2u", b"FLV")
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")  # MP4 and MOV


def begins_like_a_video(head: bytes) -> bool:
    """Whether the first bytes of a file (at least 189) are those of a video. Nothing is decoded."""
    return (
        head.startswith(_BEGINNINGS)
        or head[4:8] in _BOXES
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or (head[:1] == b"G" and head[188:189] == b"G")  # MPEG transport stream, packet by packet
    )


class JoinedPieces(io.RawIOBase):
    """Stored files one after another, to be read once; `sha256` is of what has been read."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = iter(names)
        self._piece: IO[Any] | None = None
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._piece is None:
                name = next(self._names, None)
                if name is None:
                    return 0
                self._piece = default_storage.open(name, "rb")
            read: bytes = self._piece.read(len(buffer))
            if read:
                self.sha256.update(read)
                buffer[: len(read)] = read
                return len(read)
            self._piece.close()
            self._piece = None


def files_beginning(start: str) -> list[str]:
    """Names of the stored files that begin so: also what is left of writing one when the process was killed."""
    folder, _, first = start.rpartition("/")
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in names if name.startswith(first)]


@contextmanager
def on_disk(name: str) -> Iterator[Path]:
    """A stored file as one that other programs can open; where the storage is elsewhere, a copy for a while.

    Raises FileNotFoundError.
    """
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        with (
            tempfile.NamedTemporaryFile(dir=settings.DATA_DIR) as copy,
            default_storage.open(name, "rb") as stored,
        ):
            shutil.copyfileobj(stored, copy)
            copy.flush()
            yield Path(copy.name)
        return
    if not path.is_file():
        raise FileNotFoundError(name)
    yield path
