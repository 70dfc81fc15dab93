"""What the rooms ask of a store, of a folder and of a real object store alike."""

import io
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.utils import timezone

from operations import health
from operations.stores.base import PrivateStore, StoreError
from operations.stores.local import LocalStore
from operations.stores.objects import ObjectStore
from operations.stores.spool import named_spool, spool_folder, spool_tidy
from tests.storage import all_files, stored_by

from .conftest import do_round, visitor

LATER = timedelta(hours=1)
PART = 5 * 1024 * 1024  # the least that a store takes as a part of an upload


@pytest.fixture
def store(either_store: PrivateStore) -> PrivateStore:
    return either_store


def content(store: PrivateStore, name: str) -> bytes:
    with store.open(name, "rb") as file:
        return bytes(file.read())


def all_names(store: PrivateStore) -> list[str]:
    return sorted(
        name for folder in ("a", "b") for name in store.names_before(folder, timezone.now() + LATER)
    )


# --- both


def test_same_name_again_is_the_same_file(store: PrivateStore) -> None:
    assert store.save("a/1.jpg", ContentFile(b"one")) == "a/1.jpg"
    assert store.save("a/1.jpg", ContentFile(b"another")) == "a/1.jpg"
    assert content(store, "a/1.jpg") == b"another"
    assert (store.exists("a/1.jpg"), store.size("a/1.jpg"), all_names(store)) == (True, 7, ["a/1.jpg"])


def test_what_is_not_there_is_said_so(store: PrivateStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.open("a/none.jpg", "rb")
    with pytest.raises(FileNotFoundError), store.on_disk("a/none.jpg"):
        pass
    assert not store.exists("a/none.jpg")
    store.delete("a/none.jpg")
    assert store.names_beginning("a/none") == all_names(store) == []
    with pytest.raises(ValueError, match="authorising view"):
        store.url("a/1.jpg")


def test_large_file_has_its_name_once_it_is_whole_and_can_be_read_meanwhile(store: PrivateStore) -> None:
    with store.written("a/large.tar") as file:
        file.write(b"0123456789")
        file.seek(5)
        assert file.read() == b"56789"
        assert not store.exists("a/large.tar")
    assert content(store, "a/large.tar") == b"0123456789"
    with pytest.raises(TypeError), store.written("a/large.tar") as file:
        file.write("no bytes")
    assert content(store, "a/large.tar") == b"0123456789", "the former stays"
    assert all_names(store) == ["a/large.tar"]


def test_write_that_breaks_off_leaves_the_former_content(store: PrivateStore) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > PART:
                raise OSError("no space left on device")
            return super().read(min(size or PART, PART))

    store.save("a/1.jpg", ContentFile(b"former"))
    with pytest.raises(OSError, match="no space"):
        store.save("a/1.jpg", File(Breaking(bytes(20 * PART))))
    assert content(store, "a/1.jpg") == b"former"
    assert all_names(store) == ["a/1.jpg"]


def test_any_part_of_a_file_can_be_read_in_any_order(store: PrivateStore) -> None:
    data = random.Random(1).randbytes(400_000)
    store.save("a/1.bin", ContentFile(data))
    places = random.Random(2)
    with store.open("a/1.bin", "rb") as file:
        assert file.seek(0, os.SEEK_END) == len(data)
        for _ in range(30):
            at, size = places.randrange(len(data) + 10), places.choice((1, 50, 70_000, 300_000))
            file.seek(at)
            assert file.read(size) == data[at : at + size]
        file.seek(-10, os.SEEK_END)
        assert file.read() == data[-10:]
    with store.on_disk("a/1.bin") as path:
        assert path.read_bytes() == data
    assert path.exists() == isinstance(store, LocalStore), "a copy is gone when it has been used"
    store.save("a/empty", ContentFile(b""))
    assert content(store, "a/empty") == b""


def test_files_are_found_by_folder_age_and_beginning(store: PrivateStore) -> None:
    for name in ("a/2026/1.jpg", "a/2026/01/2.jpg", "a/2026/01/2-face.jpg", "ab/3.jpg", "b/4.jpg"):
        store.save(name, ContentFile(b"x"))
    assert list(store.names_before("a", timezone.now() - LATER)) == []
    found = sorted(store.names_before("a", timezone.now() + LATER))
    assert found == ["a/2026/01/2-face.jpg", "a/2026/01/2.jpg", "a/2026/1.jpg"]
    assert sorted(store.names_beginning("a/2026/01/2")) == ["a/2026/01/2-face.jpg", "a/2026/01/2.jpg"]


def test_unfinished_file_is_found_under_its_name_and_goes_with_it(store: PrivateStore) -> None:
    leave_half(store, "a/1.tar")
    assert not store.exists("a/1.tar")
    assert all_names(store) == store.names_beginning("a/1") == ["a/1.tar"]
    store.save("a/1.tar", ContentFile(b"whole"))
    store.delete("a/1.tar")
    assert all_names(store) == []
    assert all_files(store) == {}


def leave_half(store: PrivateStore, name: str) -> None:
    """As a process that is killed leaves it that writes a large file."""
    if isinstance(store, ObjectStore):
        where = store._key(name)
        upload = store._client.create_multipart_upload(**where)["UploadId"]
        store._client.upload_part(**where, UploadId=upload, PartNumber=1, Body=bytes(PART))
    else:
        folder, _, base = name.rpartition("/")
        Path(store.path(folder)).mkdir(parents=True)
        Path(store.path(f"{folder}/.{base}.part")).write_bytes(b"half")


def test_who_writes_what_is_deleted_meanwhile_does_not_bring_it_back(store: PrivateStore) -> None:
    """Or it has its name for a moment, which who began it finds out by a row."""
    try:
        with store.written("a/1.tar") as file:
            file.write(b"x")
            store.delete("a/1.tar")
    except FileNotFoundError:
        assert not store.exists("a/1.tar")
    else:
        assert isinstance(store, ObjectStore)
        store.delete("a/1.tar")
    assert all_files(store) == {}


# --- an object store alone


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_all_versions_of_what_is_deleted_are_gone(status: str, object_store: ObjectStore) -> None:
    client, bucket = object_store._client, object_store.bucket_name
    object_store.save("a/1.jpg", ContentFile(b"before there were versions"))
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    object_store.save("a/1.jpg", ContentFile(b"one"))
    if status == "Enabled":  # by somebody else: it leaves a mark
        client.delete_object(**object_store._key("a/1.jpg"))
    object_store.save("a/1.jpg", ContentFile(b"two"))
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    object_store.save("a/1.jpg-of-another", ContentFile(b"stays"))
    object_store.check_forgets()
    object_store.delete("a/1.jpg")
    assert [name.partition(" ")[0] for name in all_files(object_store)] == ["a/1.jpg-of-another"]


def test_what_was_broken_off_long_ago_is_dropped_wherever_it_is(object_store: ObjectStore) -> None:
    leave_half(object_store, "b/1.tar")
    object_store.drop_unfinished(timezone.now() - LATER)
    assert len(all_files(object_store)) == 1
    object_store.drop_unfinished(timezone.now() + LATER)
    assert all_files(object_store) == {}


def test_upload_that_is_aborted_by_a_deletion_says_that_the_file_is_gone(object_store: ObjectStore) -> None:
    class Deleting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 16 * 1024 * 1024:
                object_store.delete("a/1.tar")
            return super().read(size)

    with pytest.raises(FileNotFoundError):
        object_store.save("a/1.tar", File(Deleting(bytes(50 * 1024 * 1024))))
    assert all_files(object_store) == {}


def test_child_process_speaks_over_a_connection_of_its_own(object_store: ObjectStore) -> None:
    object_store.save("a/1.jpg", ContentFile(b"x"))
    former = object_store.connection
    child = os.fork()
    if not child:
        os._exit(0 if object_store.connection is not former and object_store.exists("a/1.jpg") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert object_store.connection is former


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://bucket", "s3://BUCKET"),
        ("s3:///prefix", "s3://BUCKET"),
        ("s3://bucket?endpont=http://127.0.0.1", "s3://BUCKET"),
        ("s3://key:secret@bucket", "AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_address_is_refused_and_said_how_it_is_right(address: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        ObjectStore(address)


def test_store_that_cannot_be_used_says_what_cures_it(
    object_server: str, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    missing = ObjectStore(f"s3://no-such-bucket?endpoint={object_server}")
    silent = ObjectStore("s3://bucket?endpoint=http://127.0.0.1:9")
    for store, said in ((missing, "make it, or correct FILES_URL"), (silent, "does not answer")):
        with pytest.raises(StoreError, match=said):
            store.check_answers()
        with pytest.raises(StoreError, match=said):
            store.save("a/1.jpg", ContentFile(b"x"))
    with stored_by(missing):
        answer = visitor().get("/readyz", secure=True)
        assert (answer.status_code, "FILES_URL" in answer.json()["checks"]["files"]) == (503, True)
        with pytest.raises(SystemCheckError, match="make it, or correct FILES_URL"):
            call_command("check", tags=["files"], databases=["default"])


def test_site_does_not_start_where_what_is_deleted_stays(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = f"{object_store.bucket_name}-locked"
    client = object_store._client
    client.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    call_command("check", tags=["files"], databases=["default"], stdout=io.StringIO())
    monkeypatch.setattr(object_store, "bucket_name", locked)
    with pytest.raises(SystemCheckError, match="What is deleted stays"):
        call_command("check", tags=["files"], databases=["default"])


# --- beside the stores


def test_copy_that_a_killed_process_left_is_removed_and_one_at_work_stays() -> None:
    left = spool_folder() / "left"
    left.write_bytes(b"x")
    with named_spool() as (path, file):
        file.write(b"x")
        file.flush()
        spool_tidy()
        assert (path.exists(), left.exists()) == (True, False)
    assert not path.exists()


def test_files_are_among_what_has_to_be_ready(private_folder: Path) -> None:
    (files,) = [check for check in health.readiness() if check.name == "files"]
    assert files.ok


def test_round_looks_after_the_store(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_half(object_store, "a/1.tar")
    do_round("operations.drop_unfinished")
    assert len(all_files(object_store)) == 1, "it may still be at work"
    monkeypatch.setattr("operations.stores.care._LONGEST_UPLOAD", -LATER)
    do_round("operations.drop_unfinished")
    assert all_files(object_store) == {}
