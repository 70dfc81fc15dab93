"""The files of an export: members of a tar, or files of the folder that it was unpacked to."""

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from operations.problems import Problem

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}
#: Of a header's own data, long names for one.
_LONGEST_HEADER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """`size` bytes of the file `path` from `offset` on, called `name` in messages."""

    name: str
    path: str
    offset: int
    size: int

    @property
    def base(self) -> str:
        return PurePosixPath(self.name).name

    def read(self) -> bytes:
        """Raises Problem when the file is shorter than it was."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise Problem("export_short", f"{self.name}: {self.path} has changed meanwhile.")
        return data

    def open(self) -> IO[bytes]:
        return io.BufferedReader(_Window(self))


def parts_of(path: Path) -> Iterator[Part]:
    """All files of an export, in the order in which they lie there. Nothing is unpacked.

    Raises Problem for what is no export, and naming a member that leads out of its folder or is no plain file.
    """
    try:
        if path.is_dir():
            yield from _in_folder(path)
        else:
            yield from _in_tar(Part(str(path), str(path), 0, path.stat().st_size))
    except OSError as error:
        raise Problem("export_unreadable", f"{path} cannot be read: {error}") from error


def parts_of_shard(shard: Part) -> Iterator[Part]:
    """The members of a tar that is a part itself."""
    return _in_tar(shard)


def _in_folder(folder: Path) -> Iterator[Part]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where, name)
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise Problem("export_member", f"{path} is no plain file, so it is not read.")
            yield Part(str(path.relative_to(folder)), str(path), 0, found.st_size)


def _in_tar(whole: Part) -> Iterator[Part]:
    with whole.open() as file:
        begins = file.read(8)
        for magic, kind in _COMPRESSED.items():
            if begins.startswith(magic):
                raise Problem(
                    "export_compressed",
                    f"{whole.name} is compressed ({kind}). Exports are plain tar files: unpack it, and give the tar"
                    " file or the folder that comes out.",
                )
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as tar:
                while (member := tar.next()) is not None:
                    cast(Any, tar).members.clear()  # which would grow with every one
                    if part := _member(whole, member):
                        yield part
        except (tarfile.TarError, UnicodeError, EOFError) as error:
            raise Problem("export_unreadable", f"{whole.name} is no whole tar file: {error}.") from error


def _member(whole: Part, member: tarfile.TarInfo) -> Part | None:
    """None for a folder."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise Problem("export_member", f"{member.name!r} in {whole.name} leads out of its folder.")
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        raise Problem(
            "export_member", f"{member.name!r} in {whole.name} is no plain file, so it is not read."
        )
    if member.size < 0 or member.offset_data + member.size > whole.size:
        raise Problem(
            "export_unreadable", f"{whole.name} ends in the middle of {member.name}: download it again."
        )
    return Part(member.name, whole.path, whole.offset + member.offset_data, member.size)


class _Header(tarfile.TarInfo):
    """A header that brings no more data of its own than a name needs: tarfile reads all of it into memory."""

    def _proc_member(self, archive: Any) -> Any:
        if not self.isreg() and not self.isdir() and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"the header of {self.name[:100]!r} has {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


class _Window(io.RawIOBase):
    """A part as a file of its own."""

    def __init__(self, part: Part) -> None:
        self._file = open(part.path, "rb")  # noqa: SIM115
        self._offset, self._size, self._at = part.offset, part.size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), max(self._size - self._at, 0))
        self._file.seek(self._offset + self._at)
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
