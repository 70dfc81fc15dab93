"""The tar file of an export: what `tarfile` reads, written by a thread beside."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import IO

import pytest

from training.exports.archive import END, Archive, size_of_member
from training.exports.behind import WrittenBehind

LARGE = bytes(range(256)) * 20_000


def test_members_are_those_that_tarfile_writes(tmp_path: Path) -> None:
    names = ("a", "train/ü.jpg", "x" * 90, "y" * 150)
    with (tmp_path / "ours.tar").open("x+b") as file:
        with WrittenBehind(file) as behind:
            archive = Archive(behind, root="root")
            for name in names:
                archive.add(name, LARGE[: 700 * len(name)])
            archive.close()
        ours = (tmp_path / "ours.tar").read_bytes()
        assert behind.sha256() == hashlib.sha256(ours).hexdigest()
        assert behind.tell() == len(ours)
    theirs = io.BytesIO()
    with tarfile.open(fileobj=theirs, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in names:
            member = tarfile.TarInfo(f"root/{name}")
            member.size = 700 * len(name)
            tar.addfile(member, io.BytesIO(LARGE))
    assert theirs.getvalue()[: len(ours)] == ours, "tarfile fills its last record up"


def test_member_that_grows_and_one_that_is_a_tar_file_again(tmp_path: Path) -> None:
    with (tmp_path / "a.tar").open("x+b") as file:
        with WrittenBehind(file) as behind:
            archive = Archive(behind)
            member = archive.grown("grown")
            for start in range(0, len(LARGE), 100_001):
                assert member.tell() == start
                member.write(LARGE[start : start + 100_001])
            member.end()
            with archive.nested("inner.tar", END + size_of_member(700)) as inner:
                inner.add("seven", LARGE[:700])
            archive.close()
        assert behind.sha256() == hashlib.sha256((tmp_path / "a.tar").read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "a.tar") as tar:
        grown, inner = (tar.extractfile(name) for name in ("grown", "inner.tar"))
        assert grown is not None
        assert grown.read() == LARGE
        with tarfile.open(fileobj=inner) as nested:
            assert nested.getnames() == ["seven"]


def test_shard_that_is_not_as_large_as_announced_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.tar").open("x+b") as file, WrittenBehind(file) as behind:
        nested = Archive(behind).nested("inner.tar", END + size_of_member(99))
        nested.__enter__().add("x", b"x" * 700)
        with pytest.raises(ValueError, match=r"inner\.tar has"):
            nested.__exit__(None, None, None)


def test_nothing_is_added_while_a_member_grows(tmp_path: Path) -> None:
    with (tmp_path / "a.tar").open("x+b") as file, WrittenBehind(file) as behind:
        archive = Archive(behind)
        archive.grown("data")
        with pytest.raises(RuntimeError, match="data grows"):
            archive.add("x", b"x")


def test_what_fails_in_writing_is_told(tmp_path: Path) -> None:
    def write(file: IO[bytes]) -> None:
        with WrittenBehind(file) as behind:
            for _ in range(40):
                behind.write(LARGE)

    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as readable, pytest.raises(io.UnsupportedOperation):
        write(readable)
