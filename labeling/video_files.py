"""Videos as files: how they are told from other files, and put together."""

import hashlib
import io
from collections.abc import Sequence
from typing import IO, Any

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
