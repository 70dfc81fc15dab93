"""Private files in an S3-compatible object store.

A `put` and the end of a multipart upload are atomic there, so that no half file is ever seen; what a killed upload
leaves behind has no name, but lies in the store until it is aborted. A bucket may keep versions: what is deleted is
deleted with all of them.
"""

import base64
import errno
import hashlib
import io
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from storages.backends.s3 import S3Storage

from .base import PrivateStore, StoreError
from .spool import named_spool, spool

_MB = 1024 * 1024
_TRANSFER = TransferConfig(multipart_threshold=16 * _MB, multipart_chunksize=16 * _MB, max_concurrency=4)
_GONE = ("NoSuchKey", "NoSuchUpload", "404", "PreconditionFailed", "412")
_UNKNOWN = ("NotImplemented", "MethodNotAllowed", "501")
_CURES = {
    "NoSuchBucket": "there is no such bucket: make it, or correct FILES_URL",
    "InvalidAccessKeyId": "it does not know the key: correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret does not fit the key: correct AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "the key may not do this: give it the rights that docs/configuration.md lists",
}


class ObjectStore(PrivateStore, S3Storage):
    """`url` is s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME, all but the bucket optional. The key is found
    where Amazon's own programs look for it, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY first of all."""

    at_once = 8  # each answer is a journey away; of photos of eight megabytes this is memory enough

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        asked = parse_qs(address.query)
        if address.scheme != "s3" or not address.netloc or set(asked) - {"endpoint", "region"}:
            raise ImproperlyConfigured(
                "FILES_URL is no address of an object store: give s3://BUCKET/PREFIX?endpoint=https://HOST."
            )
        if "@" in address.netloc:
            raise ImproperlyConfigured(
                "FILES_URL holds a key: give it in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        endpoint = asked.get("endpoint", [None])[0]
        super().__init__(
            bucket_name=address.netloc,
            location=address.path.strip("/"),
            endpoint_url=endpoint,
            region_name=asked.get("region", ["us-east-1" if endpoint else None])[0],
            object_parameters={"ContentType": "application/octet-stream"},
            client_config=_client_config(own=endpoint is not None),
        )
        self._forget_connection()
        # Two processes must not speak over one connection.
        os.register_at_fork(after_in_child=self._forget_connection)

    def _forget_connection(self) -> None:
        self._lock, self._shared = threading.Lock(), None

    @property
    def connection(self) -> Any:
        """One for all threads: each would cost megabytes, and of its clients any thread may make use."""
        with self._lock:
            if self._shared is None:
                self._shared = self._create_session().resource(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=self.endpoint_url,
                    config=self.client_config,
                )
            return self._shared

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _key(self, name: str) -> dict[str, str]:
        if not name:
            raise ValueError("A file needs a name.")
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}

    def _name(self, key: str) -> str:
        return key[len(self.location) :].lstrip("/")

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode != "rb":
            raise ValueError("Files are opened to be read: `save` and `written` write.")
        return File(io.BufferedReader(_Object(self._client, self._key(name)), 128 * 1024), name)

    def _save(self, name: str, content: File[Any]) -> str:
        if content.seekable():
            content.seek(0)
        with _said_clearly():
            self._client.upload_fileobj(
                _Readable(content), **self._key(name), ExtraArgs=self.object_parameters, Config=_TRANSFER
            )
        return name

    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        with spool() as file:
            yield file
            self._save(name, File(file))

    def delete(self, name: str) -> None:
        where = self._key(name)
        with _said_clearly():
            # What is being written first: whichever of the two it is at this moment, it is missed by neither.
            for upload in self._uploads(where["Key"]):
                if upload["Key"] == where["Key"]:
                    self._abort(upload)
            for version in self._versions(where["Key"]):
                self._client.delete_object(**where, **version)

    def exists(self, name: str) -> bool:
        return bool(name) and self._head(name) is not None

    def size(self, name: str) -> int:
        head = self._head(name)
        if head is None:
            raise FileNotFoundError(name)
        return int(head["ContentLength"])

    def names_before(self, folder: str, moment: datetime) -> Iterator[str]:
        key = f"{self._normalize_name(folder)}/"
        with _said_clearly():
            for one in self._listed("list_objects_v2", "Contents", key):
                if one["LastModified"] < moment:
                    yield self._name(one["Key"])
            for one in self._uploads(key):
                if one["Initiated"] < moment:
                    yield self._name(one["Key"])

    def names_beginning(self, start: str) -> list[str]:
        key = self._normalize_name(start)
        with _said_clearly():
            found = [*self._listed("list_objects_v2", "Contents", key), *self._uploads(key)]
        return sorted({self._name(one["Key"]) for one in found})

    @contextmanager
    def on_disk(self, name: str) -> Iterator[Path]:
        with self.open(name, "rb") as stored, named_spool() as (path, copy):
            shutil.copyfileobj(stored, copy, _MB)
            copy.flush()
            yield path

    def check_answers(self) -> None:
        with _said_clearly():
            self._client.list_objects_v2(Bucket=self.bucket_name, Prefix=self.location, MaxKeys=1)

    def check_forgets(self) -> None:
        name, body = f"checks/{secrets.token_hex(8)}", b"written to be deleted"
        # A bucket with locks takes nothing without a checksum, and of these every store knows the oldest.
        checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        with _said_clearly():
            self._client.put_object(**self._key(name), Body=body, ContentMD5=checksum)
        try:
            self.delete(name)
            if not self.exists(name):
                return
        except StoreError:
            pass
        raise StoreError(
            "What is deleted stays in the object store, as an older version or under a lock: give the key the"
            " rights that docs/configuration.md lists, or name a bucket without versions and locks in FILES_URL."
        )

    def drop_unfinished(self, before: datetime) -> None:
        with _said_clearly():
            for upload in self._uploads(f"{self.location}/" if self.location else ""):
                if upload["Initiated"] < before:
                    self._abort(upload)

    def _head(self, name: str) -> dict[str, Any] | None:
        try:
            with _said_clearly():
                return dict(self._client.head_object(**self._key(name)))
        except FileNotFoundError:
            return None

    def _versions(self, key: str) -> Iterator[dict[str, str]]:
        """All that there is of a file, the marks of its deletion included; without versions it is one."""
        try:
            pages = self._client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=key):
                for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if one["Key"] == key:
                        yield {"VersionId": one["VersionId"]}
        except ClientError as error:
            if _code(error) not in _UNKNOWN:
                raise
            yield {}  # a store that keeps no versions

    def _uploads(self, start: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self._listed("list_multipart_uploads", "Uploads", start)
        except ClientError as error:
            if _code(error) not in _UNKNOWN:
                raise

    def _abort(self, upload: dict[str, Any]) -> None:
        try:
            self._client.abort_multipart_upload(
                Bucket=self.bucket_name, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        except ClientError as error:
            if _code(error) not in _GONE:
                raise

    def _listed(self, operation: str, what: str, start: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator(operation).paginate(Bucket=self.bucket_name, Prefix=start):
            yield from page.get(what, ())


class _Object(io.RawIOBase):
    """An object, read from wherever one seeks to. It is asked for at once, so that a missing one is missed at once."""

    def __init__(self, client: Any, where: dict[str, str]) -> None:
        self._client, self._where = client, where
        self._at = self._body_at = 0
        with _said_clearly():
            answer = client.get_object(**where)
        self._body, self._size, self._etag = answer["Body"], answer["ContentLength"], answer["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        with _said_clearly():
            if self._at != self._body_at:
                self._body.close()
                # Of the very same object: what has been put in its place meanwhile is another.
                rest = {"Range": f"bytes={self._at}-", "IfMatch": self._etag}
                self._body = self._client.get_object(**self._where, **rest)["Body"]
                self._body_at = self._at
            data = self._body.read(len(buffer))
        if not data:
            raise StoreError("The object store broke off in the middle of a file: try again.")
        buffer[: len(data)] = data
        self._at += len(data)
        self._body_at = self._at
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


class _Readable:
    """What is uploaded. Who uploads takes fewer bytes than asked for as the end, and closes what it was given."""

    def __init__(self, content: File[Any]) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._content.read(size))
        while len(data) < size and (more := self._content.read(size - len(data))):
            data += more
        return data


def _client_config(*, own: bool) -> Config:
    """`own`: a store other than Amazon's, which may know neither names in front of its host nor newer checksums."""
    style = (
        {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"} if own else {}
    )
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=32,
        **style,
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _said_clearly() -> Iterator[None]:
    """What the store's client raises, as what files raise."""
    try:
        yield
    except NoCredentialsError:
        raise StoreError(
            "There is no key for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from None
    except ClientError as error:
        code = _code(error)
        if code in _GONE:
            raise FileNotFoundError(str(error)) from error
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 507:
            raise OSError(errno.ENOSPC, "The object store is full") from error
        raise StoreError(f"The object store refuses: {_CURES.get(_denied(code), code)}.") from error
    except BotoCoreError as error:
        kind = type(error).__name__
        raise StoreError(
            f"The object store does not answer ({kind}): start it, or correct FILES_URL."
        ) from error


def _denied(code: str) -> str:
    return "AccessDenied" if code in ("403", "AllAccessDisabled", "AuthorizationHeaderMalformed") else code
