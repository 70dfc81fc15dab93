"""An S3 server for the tests: moto's, with two answers corrected to what S3 gives.

Runs as `python -m tests.object_server PORT` on 127.0.0.1.
"""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.server import main

_BEGUN = re.compile(r"2010-11-10T20:48:33(\.000)?Z")


def _of_known_uploads(call: Callable[..., Any]) -> Callable[..., Any]:
    """An upload that was aborted is unknown, and no failure of the server."""

    def checked(self: S3Backend, bucket_name: str, multipart_id: str, *rest: Any, **named: Any) -> Any:
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return call(self, bucket_name, multipart_id, *rest, **named)

    return checked


def _begun_now(call: Callable[..., Any]) -> Callable[..., Any]:
    """All uploads are said to have begun in 2010; those of a test have begun just now."""

    def dated(self: S3Response) -> Any:
        status, headers, body = call(self)
        return status, headers, _BEGUN.sub(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", body)

    return dated


if __name__ == "__main__":
    for name in ("upload_part", "complete_multipart_upload"):
        setattr(S3Backend, name, _of_known_uploads(getattr(S3Backend, name)))
    S3Response.list_multipart_uploads = _begun_now(S3Response.list_multipart_uploads)
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
