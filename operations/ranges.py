"""Downloads that can be resumed: one byte range of a private file, RFC 9110 §14."""

import os
import re
from collections.abc import Iterator
from typing import IO

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from .private_files import PRIVATE_HEADERS

_CHUNK = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def ranged_response(
    request: HttpRequest, name: str, *, etag: str, content_type: str, download_as: str
) -> HttpResponse | StreamingHttpResponse:
    """The file, or the range that is asked for. `etag` has to name these very bytes: a client that resumes under
    another gets all of the file. The caller has authorised the request. Raises Http404 when the file is gone."""
    try:
        file: IO[bytes] = default_storage.open(name, "rb")
    except FileNotFoundError:
        raise Http404 from None
    size = file.seek(0, os.SEEK_END)
    headers = {**PRIVATE_HEADERS, "Accept-Ranges": "bytes", "ETag": f'"{etag}"'}
    wanted = range_of(request, size, etag)
    if wanted is not None and not wanted:
        file.close()
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    part = range(size) if wanted is None else wanted
    response = StreamingHttpResponse(
        _bytes(file, part), content_type=content_type, status=200 if wanted is None else 206, headers=headers
    )
    response["Content-Length"] = str(len(part))
    response["Content-Disposition"] = f'attachment; filename="{download_as}"'
    if wanted is not None:
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response


def range_of(request: HttpRequest, size: int, etag: str) -> range | None:
    """Which bytes are asked for; None for all, empty where none can be given. Several ranges at once are all of it."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or asked[0] == "bytes=-":
        return None
    if request.headers.get("If-Range", f'"{etag}"') != f'"{etag}"':
        return None
    first, last = asked[1], asked[2]
    if not first:
        return range(max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _bytes(file: IO[bytes], part: range) -> Iterator[bytes]:
    with file:
        file.seek(part.start)
        left = len(part)
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
