"""A tar file, written member by member with memory that does not grow, the same bytes for the same members.

`tarfile` keeps a record of each member until the end, and a ZIP's directory has to be kept, too.
"""

import io
import os
import shutil
import tarfile
from typing import IO, Any, cast

from operations.stores.spool import spool

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1024 * 1024


class Archive:
    """All members lie in the folder `root`."""

    def __init__(self, file: IO[bytes], *, root: str = "") -> None:
        self._file = file
        self._root = f"{root}/" if root else ""

    def add(self, name: str, data: bytes) -> None:
        self._file.write(self._header(name, len(data)))
        self._file.write(data)
        self._pad(len(data))

    def append(self, name: str, file: IO[bytes]) -> None:
        """Add a whole file, from its beginning to its end, and close it."""
        with file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            self._file.write(self._header(name, size))
            shutil.copyfileobj(file, self._file, _CHUNK)
        self._pad(size)

    def spool(self) -> IO[bytes]:
        """A file for what is written bit by bit while other members are added; it is gone once it is closed."""
        return spool()

    def text_spool(self) -> "io.TextIOWrapper[Any]":
        return io.TextIOWrapper(self.spool(), encoding="utf-8", newline="")

    def append_text(self, name: str, file: io.TextIOWrapper) -> None:
        file.flush()
        self.append(name, cast(IO[bytes], file.detach()))

    def close(self) -> None:
        self._file.write(bytes(2 * _BLOCK))

    def _header(self, name: str, size: int) -> bytes:
        member = tarfile.TarInfo(f"{self._root}{name}")
        member.size = size
        return member.tobuf(tarfile.GNU_FORMAT)

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % _BLOCK))
