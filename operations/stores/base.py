"""What every store of private files can do."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO

from django.core.files.storage import Storage


class StoreError(OSError):
    """The store cannot be used; the message says why, and what cures it."""


class PrivateStore(Storage):
    """Beyond Django's own `save`, `open`, `exists`, `size` and `delete`, which hold here, too:

    A name appears only when all its bytes are safe. What was deleted is gone with all that was being written under its
    name: who is writing it at that moment gets a FileNotFoundError, or gives it its name after all and has to see for
    himself whether he may. Nothing has a public address. Whatever is wrong with the store itself is a StoreError.
    """

    at_once = 1
    """How many small files are best read at the same time."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        # Names are UUIDs made by us: writing one again means the same content again.
        return name

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no address: serve them through an authorising view.")

    @abstractmethod
    def written(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Write a large file bit by bit; it can be read again meanwhile. It has its name once the context is left."""

    @abstractmethod
    def names_before(self, folder: str, moment: datetime) -> Iterator[str]:
        """Names of all files in a folder and the folders in it that were last changed before `moment`, and of those
        that somebody began to write and left, one by one, however many there are."""

    @abstractmethod
    def names_beginning(self, start: str) -> list[str]:
        """Names of the files that begin so, and of those that somebody began to write and left. `start` names a folder
        and how the names in it begin."""

    @abstractmethod
    def on_disk(self, name: str) -> AbstractContextManager[Path]:
        """The file as one that other programs can open. Raises FileNotFoundError."""

    @abstractmethod
    def check_answers(self) -> None:
        """Raises StoreError when the store cannot be reached."""

    @abstractmethod
    def check_forgets(self) -> None:
        """Raises StoreError when nothing can be written, or when what is deleted is not gone."""

    @abstractmethod
    def drop_unfinished(self, before: datetime) -> None:
        """Erase what writers that were killed have left, where nobody would come across it by name."""
