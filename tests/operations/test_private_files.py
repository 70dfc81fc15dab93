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

from operations.private_files import DurableStorage, private_response
from tests.conftest import ROOT


@pytest.fixture
def storage(tmp_path: Path) -> DurableStorage:
    return DurableStorage(tmp_path / "private")


def names(storage: DurableStorage) -> list[str]:
    root = Path(storage.location)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_and_folders_are_their_owners_only(storage: DurableStorage) -> None:
    former = os.umask(0)
    try:
        storage.save("photos/2026/01/02/a.jpg", ContentFile(b"x"))
    finally:
        os.umask(former)
    root = Path(storage.location)
    assert mode(root / "photos/2026/01/02/a.jpg") == 0o600
    for folder in ("photos", "photos/2026", "photos/2026/01", "photos/2026/01/02"):
        assert mode(root / folder) & 0o077 == 0, folder


def test_same_name_again_is_the_same_file(storage: DurableStorage) -> None:
    assert storage.save("a.jpg", ContentFile(b"one")) == "a.jpg"
    assert storage.save("a.jpg", ContentFile(b"two")) == "a.jpg"
    assert names(storage) == ["a.jpg"]
    assert storage.open("a.jpg").read() == b"two"


class Breaking(File):  # type: ignore[type-arg]
    """Content whose source breaks off in the middle."""

    def __init__(self, look: object = None) -> None:
        super().__init__(None, "content")
        self.look = look

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"the first half"
        if callable(self.look):
            self.look()
        raise OSError("no space left on device")


def test_write_that_fails_leaves_nothing(storage: DurableStorage) -> None:
    with pytest.raises(OSError, match="no space"):
        storage.save("photos/a.jpg", Breaking())
    assert names(storage) == []


def test_write_that_fails_leaves_the_former_content(storage: DurableStorage) -> None:
    storage.save("a.jpg", ContentFile(b"former"))
    with pytest.raises(OSError, match="no space"):
        storage.save("a.jpg", Breaking())
    assert storage.open("a.jpg").read() == b"former"
    assert names(storage) == ["a.jpg"]


def test_name_appears_only_with_all_its_bytes(storage: DurableStorage) -> None:
    seen: list[bool] = []
    with pytest.raises(OSError, match="no space"):
        storage.save("a.jpg", Breaking(look=lambda: seen.append(storage.exists("a.jpg"))))
    assert seen == [False]


def test_killed_writer_leaves_no_half_file(storage: DurableStorage) -> None:
    script = """
        import os, signal, sys
        import config.settings
        from django.core.files.base import File
        from operations.private_files import DurableStorage
        class Deadly(File):
            def chunks(self, chunk_size=None):
                yield b"half"
                os.kill(os.getpid(), signal.SIGKILL)
        DurableStorage(sys.argv[1]).save("a.jpg", Deadly(None, "a"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), storage.location]
    assert subprocess.run(command, cwd=ROOT, timeout=30).returncode == -9
    assert not storage.exists("a.jpg")
    (left,) = names(storage)
    assert left.endswith(".part")


def test_everything_is_on_disk_before_the_name_appears(
    storage: DurableStorage, monkeypatch: pytest.MonkeyPatch
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


def test_many_writers_of_one_name_leave_one_whole_file(storage: DurableStorage) -> None:
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
def test_no_name_leads_out(storage: DurableStorage, name: str) -> None:
    from django.core.exceptions import SuspiciousFileOperation

    with pytest.raises((SuspiciousFileOperation, OSError)):
        storage.open(name)
    assert names(storage) == []


def test_private_files_have_no_address(storage: DurableStorage) -> None:
    with pytest.raises(ValueError, match="authorising view"):
        storage.url("a.jpg")


def test_response_of_a_file_that_is_gone_is_not_found(private_folder: Path) -> None:
    with pytest.raises(Http404):
        private_response("photos/none.jpg", content_type="image/jpeg")


def test_download_has_a_name_and_the_same_headers(private_folder: Path) -> None:
    (private_folder / "a.jsonl").write_bytes(b"{}")
    response = private_response("a.jsonl", content_type="application/jsonl", download_as="set.jsonl")
    assert response.headers["Content-Disposition"] == 'attachment; filename="set.jsonl"'
    assert response.headers["Cache-Control"] == "private, no-store"
    response.close()
