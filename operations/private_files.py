"""Photos, crops and artifacts: written so that a crash leaves all or nothing, served only by authorising views."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404

from .stores.ahead import ReadAhead
from .stores.base import PrivateStore

PRIVATE_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def store() -> PrivateStore:
    return cast(PrivateStore, default_storage)


def file_written(name: str) -> AbstractContextManager[IO[bytes]]:
    """Write a large file bit by bit; it can be read again meanwhile. It has its name only once it is whole and safe.
    Raises FileNotFoundError when it was deleted while it was written."""
    return store().written(name)


def files_before(folder: str, moment: datetime) -> Iterator[str]:
    """Names of all files in a folder and the folders in it that were last changed before `moment`, one by one, however
    many there are; also of what somebody began to write and left."""
    return store().names_before(folder, moment)


def files_beginning(start: str) -> list[str]:
    """Names of the files that begin so: also of what somebody began to write and left."""
    return store().names_beginning(start)


def files_ahead() -> ReadAhead:
    """For reading many small files one after the other; a context."""
    return ReadAhead(store())


def on_disk(name: str) -> AbstractContextManager[Path]:
    """A stored file as one that other programs can open; where the store is elsewhere, a copy for a while.

    Raises FileNotFoundError.
    """
    return store().on_disk(name)


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
