"""Getting one file, whole: resumed where it was cut, checked by its SHA-256, in its place only when it is right."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Callable

import httpx

from .errors import ChecksumMismatch, DownloadInterrupted, Refused, SmielfyError
from .records import Export

Progress = Callable[[int, int], None]
Opened = Callable[[str, "dict[str, str]"], "AbstractContextManager[httpx.Response]"]

_CHUNK = 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{64}")
#: New tries of a line that gives nothing any more.
_TRIES = 5


def download(
    export: Export,
    folder: Path,
    *,
    link: Callable[[], str],
    opened: Opened,
    refusal: Callable[[httpx.Response], Refused],
    progress: Progress | None,
    patience: float,
) -> Path:
    """Put a ready export into a folder; returns its file.

    `link` makes a new address that works for some hours, `opened` streams one, `refusal` says why an answer is none.
    What has come lies beside under the name of the file and its hash, so that only the same bytes are ever resumed.
    """
    if not re.fullmatch(r"[\w.-]+\.tar", export.name) or not _HASH.fullmatch(export.sha256):
        raise SmielfyError(f"The site names its file {export.name!r}: that cannot be a file of an export.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / export.name
    part = folder / f"{export.name}.{export.sha256[:16]}.part"
    for former in folder.glob("*.part"):
        if former != part and _unrevised(former.name).startswith(f"{_unrevised(export.name)}."):
            former.unlink()  # of a file that the site has written anew since: it may hold what was withdrawn
    if target.exists():
        if _sha256(target).hexdigest() == export.sha256:
            return target
        raise SmielfyError(f"{target} is another file: move it away, or choose another folder.")
    have = _size(part)
    if shutil.disk_usage(folder).free < export.size - have:
        raise DownloadInterrupted(
            f"There is no room in {folder.resolve()} for {export.size - have:,} bytes more: free some, or choose"
            " another folder."
        )
    try:
        _keep_on(
            part, export, link=link, opened=opened, refusal=refusal, progress=progress, patience=patience
        )
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DownloadInterrupted(
            f"The disk is full. What has come is kept in {part}: free some room, and the same call goes on with it."
        ) from error
    if _sha256(part).hexdigest() != export.sha256:
        part.unlink()
        raise ChecksumMismatch(
            f"What came as {export.name} is not what the site has: its SHA-256 is another. It was removed: try again,"
            " and if that does not help, tell whoever runs the site that its file is damaged."
        )
    os.replace(part, target)
    return target


def _keep_on(
    part: Path,
    export: Export,
    *,
    link: Callable[[], str],
    opened: Opened,
    refusal: Callable[[httpx.Response], Refused],
    progress: Progress | None,
    patience: float,
) -> None:
    """Try until the file is whole, and for as long as something comes."""
    address, tries, wait = link(), 0, patience
    while True:
        before = _size(part)
        try:
            return _receive(part, export, opened(address, _headers(before, export)), refusal, progress)
        except (httpx.TransportError, Refused) as error:
            if isinstance(error, Refused) and error.code != "link_expired" and error.status < 500:
                raise
            tries, wait = (1, patience) if _size(part) > before else (tries + 1, wait * 2)
            if tries > _TRIES:
                raise DownloadInterrupted(
                    f"The line was cut and does not come back ({error}). What has come is kept in {part}: the same call"
                    " goes on with it."
                ) from error
            time.sleep(wait)
            if isinstance(error, Refused):
                address = link()


def _headers(have: int, export: Export) -> dict[str, str]:
    resumed = {"Range": f"bytes={have}-", "If-Range": f'"{export.sha256}"'} if have else {}
    return {"Accept-Encoding": "identity", **resumed}


def _receive(
    part: Path,
    export: Export,
    opened: AbstractContextManager[httpx.Response],
    refusal: Callable[[httpx.Response], Refused],
    progress: Progress | None,
) -> None:
    """Append what is missing. Raises httpx.TransportError when the line is cut."""
    with part.open("ab") as file:
        have = file.tell()
        if have >= export.size:
            return
        with opened as answer:
            if answer.status_code not in (200, 206):
                raise refusal(answer)
            etag = answer.headers.get("ETag", "").strip('"')
            if _HASH.fullmatch(etag) and etag != export.sha256:
                raise ChecksumMismatch(f"{export.name} has been written anew meanwhile: ask for it again.")
            if answer.status_code == 200:
                file.truncate(0)
                have = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise httpx.RemoteProtocolError("another part was sent than was asked for")
            for chunk in answer.iter_raw():  # as it comes, so that a cut loses nothing of it
                file.write(chunk)
                have += len(chunk)
                if progress:
                    progress(have, export.size)
        file.flush()
        os.fsync(file.fileno())
    if have < export.size:
        raise httpx.RemoteProtocolError("the line ended before the file did")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _unrevised(name: str) -> str:
    return re.sub(r"\.r\d+(?=-)", "", name)


def _sha256(path: Path) -> hashlib._Hash:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest
