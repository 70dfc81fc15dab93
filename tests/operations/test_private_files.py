"""Private files: whole or not there, and nobody else's."""

import os
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File
from django.http import Http404

from operations.private_files import private_response
from operations.stores.local import LocalStore
from tests.conftest import ROOT


@pytest.fixture
def storage(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "private")


def names(storage: LocalStore) -> list[str]:
    root = Path(storage.location)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_and_folders_are_their_owners_only(storage: LocalStore) -> None:
    former = os.umask(0)
    try:
        storage.save("photos/2026/01/02/a.jpg", ContentFile(b"x"))
    finally:
        os.umask(former)
    root = Path(storage.location)
    assert mode(root / "photos/2026/01/02/a.jpg") == 0o600
    for folder in ("photos", "photos/2026", "photos/2026/01", "photos/2026/01/02"):
        assert mode(root / folder) & 0o077 == 0, folder


class Breaking(File):  # type: ignore[type-arg]
    """Content whose source breaks off in the middle."""

    def __init__(self) -> None:
        super().__init__(None, "content")

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"the first half"
        raise OSError("no space left on device")


def test_write_that_fails_leaves_nothing(storage: LocalStore) -> None:
    with pytest.raises(OSError, match="no space"):
        storage.save("photos/a.jpg", Breaking())
    assert names(storage) == []


def test_killed_writer_leaves_no_half_file(storage: LocalStore) -> None:
    script = """
        import os, signal, sys
        import config.settings
        from django.core.files.base import File
        from operations.stores.local import LocalStore
        class Deadly(File):
            def chunks(self, chunk_size=None):
                yield b"half"
                os.kill(os.getpid(), signal.SIGKILL)
        LocalStore(sys.argv[1]).save("a.jpg", Deadly(None, "a"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), storage.location]
    assert subprocess.run(command, cwd=ROOT, timeout=30).returncode == -9
    assert not storage.exists("a.jpg")
    (left,) = names(storage)
    assert left.endswith(".part")


def test_everything_is_on_disk_before_the_name_appears(
    storage: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of system calls: the bytes, then the name, then the folders that lead to it."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        calls.append(f"fsync {kind}")
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        calls.append("rename")
        replace(source, target)

    storage.save("photos/first.jpg", ContentFile(b"x"))
    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    storage.save("photos/a.jpg", ContentFile(b"x"))
    assert calls == ["fsync file", "rename", "fsync folder"]
    calls.clear()
    storage.save("crops/2026/b.jpg", ContentFile(b"x"))
    assert calls.index("fsync folder") < calls.index("fsync file") < calls.index("rename")
    assert calls.count("fsync folder") >= 3, "a new folder's own entry has to be durable too"


def test_many_writers_of_one_name_leave_one_whole_file(storage: LocalStore) -> None:
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]
    threads = [
        threading.Thread(target=storage.save, args=("new/folder/a.jpg", ContentFile(content)))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(storage) == ["new/folder/a.jpg"]
    assert storage.open("new/folder/a.jpg").read() in contents


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "photos/../../a", ""])
def test_no_name_leads_out(storage: LocalStore, name: str) -> None:
    from django.core.exceptions import SuspiciousFileOperation

    with pytest.raises((SuspiciousFileOperation, OSError)):
        storage.open(name)
    assert names(storage) == []


def test_response_of_a_file_that_is_gone_is_not_found(private_folder: Path) -> None:
    with pytest.raises(Http404):
        private_response("photos/none.jpg", content_type="image/jpeg")


def test_download_has_a_name_and_the_same_headers(private_folder: Path, db: None) -> None:
    (private_folder / "a.jsonl").write_bytes(b"{}")
    response = private_response("a.jsonl", content_type="application/jsonl", download_as="set.jsonl")
    assert response.headers["Content-Disposition"] == 'attachment; filename="set.jsonl"'
    assert response.headers["Cache-Control"] == "private, no-store"
    response.close()
