"""Private files in a local folder."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from .base import PrivateStore, StoreError

_TEMPORARY = ".part"


class LocalStore(PrivateStore, FileSystemStorage):
    """Written beside its name, synchronised, renamed: a crash leaves all or nothing."""

    def __init__(self, location: str | Path) -> None:
        super().__init__(location=str(location), base_url="")

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        _make_folder(target.parent)
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        with _renamed(temporary, target) as file:
            for chunk in content.chunks():
                file.write(chunk)
        return name

    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        target = Path(self.path(name))
        _make_folder(target.parent)
        with _renamed(_part_of(target), target) as file:
            yield file

    def delete(self, name: str) -> None:
        # The part first: whichever of the two it is at this moment, it is missed by neither.
        _part_of(Path(self.path(name))).unlink(missing_ok=True)
        super().delete(name)

    def names_before(self, folder: str, moment: datetime) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self.path(folder)) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                # What was deleted since the listing began is no file any more.
                with suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        yield from self.names_before(name, moment)
                    elif entry.stat().st_mtime < moment.timestamp():
                        yield _whole(name)

    def names_beginning(self, start: str) -> list[str]:
        folder, _, first = start.rpartition("/")
        try:
            names = [_whole(f"{folder}/{name}") for name in os.listdir(self.path(folder))]
        except FileNotFoundError:
            return []
        return [name for name in names if name.rpartition("/")[2].startswith(first)]

    @contextmanager
    def on_disk(self, name: str) -> Iterator[Path]:
        path = Path(self.path(name))
        if not path.is_file():
            raise FileNotFoundError(name)
        yield path

    def check_answers(self) -> None:
        folder = Path(self.location)
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError("The folder of the files cannot be written to: correct its permissions.")

    def check_forgets(self) -> None:
        self.check_answers()

    def drop_unfinished(self, before: datetime) -> None:
        pass  # each has a name here, that of its file or one of its own


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}{_TEMPORARY}")


def _whole(name: str) -> str:
    """What a file found in a folder is or was going to be called."""
    folder, _, base = name.rpartition("/")
    if base.startswith(".") and base.endswith(_TEMPORARY):
        return f"{folder}/{base[1 : -len(_TEMPORARY)]}"
    return name


@contextmanager
def _renamed(temporary: Path, target: Path) -> Iterator[IO[bytes]]:
    try:
        with open(temporary, "x+b", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _make_folder(folder: Path) -> None:
    """Create the folder and make its own entry durable, which `fsync` of a file alone does not do."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    # One by one, for `parents=True` would give the outer ones another mode.
    for part in reversed(missing):
        part.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(part.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
