"""Where the files of a test are kept: a folder, or a bucket on a real S3 server; and all that is in there."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.core.files.storage import default_storage

from operations.stores.base import PrivateStore
from operations.stores.objects import ObjectStore

from .waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def stored_by(store: PrivateStore) -> Iterator[None]:
    """Have the site keep its files there for a while."""
    default_storage.exists("none")  # the storage is made when it is first used
    former, default_storage._wrapped = default_storage._wrapped, store
    try:
        yield
    finally:
        default_storage._wrapped = former


@contextmanager
def running_object_server() -> Iterator[str]:
    """A real S3 server; the address at which it listens. Whoever comes may write there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.object_server", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        assert process.poll() is None, "the server has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, "the object store listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # there is nothing to keep, and an orderly end takes it long
        process.wait(10)


def new_bucket(server: str) -> ObjectStore:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "of-the-tests")
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    store = ObjectStore(f"s3://{bucket}/site?endpoint={server}")
    store._client.create_bucket(Bucket=bucket)
    return store


def all_files(store: PrivateStore) -> dict[str, bytes]:
    """Whatever is in a store, by whatever name: older versions, and what was begun and left, too."""
    return {name: read() for name, read in _readers(store)}


def all_names(store: PrivateStore) -> set[str]:
    """The same, without reading it."""
    return {name for name, _ in _readers(store)}


def _readers(store: PrivateStore) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if not isinstance(store, ObjectStore):
        root = Path(store.path(""))
        yield from (
            (str(path.relative_to(root)), path.read_bytes) for path in root.rglob("*") if path.is_file()
        )
        return
    bucket = {"Bucket": store.bucket_name}
    for page in store._client.get_paginator("list_object_versions").paginate(**bucket):
        for one in page.get("Versions", ()):
            name = f"{store._name(one['Key'])} {one['VersionId']}".removesuffix(" null")
            yield name, partial(_version, store, one["Key"], one["VersionId"])
        for one in page.get("DeleteMarkers", ()):
            yield f"{store._name(one['Key'])} {one['VersionId']} deleted", bytes
    for upload in store._uploads(""):
        yield f"{store._name(upload['Key'])} unfinished", bytes


def _version(store: ObjectStore, key: str, version: str) -> bytes:
    asked = {"Bucket": store.bucket_name, "Key": key, "VersionId": version}
    return bytes(store._client.get_object(**asked)["Body"].read())
