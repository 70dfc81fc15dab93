"""A tar file, written member by member with memory that does not grow, the same bytes for the same members.

`tarfile` keeps a record of each member until the end, and a ZIP's directory has to be kept, too.
"""

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from operations.stores.spool import spool

from .behind import WrittenBehind

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1024 * 1024
# Where a header has its parts: https://www.gnu.org/software/tar/manual/html_node/Standard.html
_NAME, _SIZE, _SUM = slice(0, 100), slice(124, 136), slice(148, 156)


def _nameless() -> bytes:
    """The header of any file of ours, with blanks for its checksum and zeros for its name and size."""
    header = bytearray(tarfile.TarInfo("").tobuf(tarfile.GNU_FORMAT))
    header[_SUM], header[_SIZE] = b" " * 8, bytes(12)
    return bytes(header)


_NAMELESS = _nameless()
_NAMELESS_SUM = sum(_NAMELESS)


class Archive:
    """All members lie in the folder `root`."""

    def __init__(self, file: WrittenBehind, *, root: str = "") -> None:
        self._file = file
        self._root = f"{root}/" if root else ""
        self._growing = ""

    def add(self, name: str, data: bytes) -> None:
        self._begin(name, len(data))
        self._file.write(data)
        self._pad(len(data))

    def append(self, name: str, file: IO[bytes]) -> None:
        """Add a whole file, from its beginning to its end, and close it."""
        with file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            self._begin(name, size)
            shutil.copyfileobj(file, cast(IO[bytes], self._file), _CHUNK)
        self._pad(size)

    @contextmanager
    def nested(self, name: str, size: int) -> Iterator["Archive"]:
        """A tar file of `size` bytes as a member. Raises ValueError when it was given others."""
        self._begin(name, size)
        start = self._file.tell()
        inner = Archive(self._file)
        yield inner
        inner.close()
        if self._file.tell() - start != size:
            raise ValueError(f"{name} has {self._file.tell() - start} bytes, and {size} were announced.")
        self._pad(size)

    def grown(self, name: str) -> "GrowingMember":
        """A member whose size is known when it is closed; no other is added before that."""
        at = self._file.tell()
        self._begin(name, 0)
        self._growing = name
        return GrowingMember(self, self._file, name, at)

    def spool(self) -> IO[bytes]:
        """A file for what is written bit by bit while other members are added; it is gone once it is closed."""
        return spool()

    def text_spool(self) -> "io.TextIOWrapper[Any]":
        return io.TextIOWrapper(self.spool(), encoding="utf-8", newline="")

    def append_text(self, name: str, file: io.TextIOWrapper) -> None:
        file.flush()
        self.append(name, cast(IO[bytes], file.detach()))

    def close(self) -> None:
        self._file.write(bytes(END))

    def header_again(self, name: str, at: int, size: int) -> None:
        self._file.patch(at, self._header(name, size))
        self._pad(size)
        self._growing = ""

    def _begin(self, name: str, size: int) -> None:
        if self._growing:
            raise RuntimeError(f"{name} is to be added while {self._growing} grows.")
        self._file.write(self._header(name, size))

    def _header(self, name: str, size: int) -> bytes:
        named, digits = f"{self._root}{name}".encode(), b"%011o" % size
        if len(named) >= _NAME.stop or len(digits) > 11:
            member = tarfile.TarInfo(named.decode())
            member.size = size
            return member.tobuf(tarfile.GNU_FORMAT)
        # What tarfile makes of it, without the twenty function calls that take longer than writing a photo.
        header = bytearray(_NAMELESS)
        header[: len(named)] = named
        header[_SIZE.start : _SIZE.start + 11] = digits
        header[_SUM] = b"%06o\0 " % (_NAMELESS_SUM + sum(named) + sum(digits))
        return bytes(header)

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % _BLOCK))


class GrowingMember(io.RawIOBase):
    """Takes what is written to the member; the same as a file from its beginning."""

    def __init__(self, archive: Archive, file: WrittenBehind, name: str, at: int) -> None:
        super().__init__()
        self._archive, self._file, self._name, self._at = archive, file, name, at
        self._start = file.tell()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(bytes(data))

    def tell(self) -> int:
        return self._file.tell() - self._start

    def end(self) -> None:
        self._archive.header_again(self._name, self._at, self.tell())


def size_of_member(size: int) -> int:
    """What a file of so many bytes takes of a tar file."""
    return _BLOCK + size + -size % _BLOCK


END = 2 * _BLOCK
