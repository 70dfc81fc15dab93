"""Photos, crops and artifacts: written so that a crash leaves all or nothing, served only by authorising views."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.http import FileResponse, Http404

PRIVATE_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TEMPORARY = ".part"


class DurableStorage(FileSystemStorage):
    """The local folder. A name appears only when its bytes are safe on disk, and has no public address."""

    def __init__(self, location: str | Path) -> None:
        super().__init__(location=str(location), base_url="")

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        _make_folder(target.parent)
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(4)}{TEMPORARY}")
        try:
            with open(temporary, "xb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        # Names are UUIDs made by us: writing one again means the same content again.
        return name

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no address: serve them through an authorising view.")


def part_name(name: str) -> str:
    """What a file is called that `file_written` has not finished. It sorts before its final name: who erases both in
    the order of their names misses neither, even if one becomes the other at this moment."""
    folder, _, base = name.rpartition("/")
    return f"{folder}/.{base}{TEMPORARY}"


@contextmanager
def file_written(name: str) -> Iterator[IO[bytes]]:
    """Write a large file where it is going to stay. It has its name only once it is whole and safe on disk; what a
    kill leaves behind has `part_name`."""
    target, part = Path(default_storage.path(name)), Path(default_storage.path(part_name(name)))
    _make_folder(target.parent)
    try:
        with open(part, "x+b", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def files_before(folder: str, moment: datetime) -> Iterator[str]:
    """Names of the files in a folder that were last changed before `moment`, one by one, however many there are."""
    try:
        entries = os.scandir(default_storage.path(folder))
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            # What was deleted since the listing began is no file any more.
            with suppress(FileNotFoundError):
                if entry.is_file() and entry.stat().st_mtime < moment.timestamp():
                    yield f"{folder}/{entry.name}"


def private_response(name: str, *, content_type: str, download_as: str | None = None) -> FileResponse:
    """Stream a private file with headers under which a browser neither keeps nor runs it.

    The caller has authorised the request. Raises Http404 when the file is gone.
    """
    try:
        file: IO[bytes] = default_storage.open(name, "rb")
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(
        file, content_type=content_type, as_attachment=download_as is not None, filename=download_as or ""
    )
    for header, value in PRIVATE_HEADERS.items():
        response.headers[header] = value
    return response


def _make_folder(folder: Path) -> None:
    """Create the folder and make its own entry durable, which `fsync` of a file alone does not do."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    # One by one, for `parents=True` would give the outer ones another mode.
    for part in reversed(missing):
        part.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(part.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
