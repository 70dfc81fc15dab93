"""Files read in an order that is known before: from where each takes a journey many are under way at once."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from .base import PrivateStore


class ReadAhead:
    """Reads small files of a store one after the other. Memory: as many of them as the store gives at once.

    On a disk nothing is read ahead: threads would wait for each other more than for the disk.
    """

    def __init__(self, store: PrivateStore) -> None:
        self._store = store
        self._expected: deque[str] = deque()
        self._begun: deque[tuple[str, Future[bytes]]] = deque()
        self._threads = ThreadPoolExecutor(store.at_once, "read-ahead") if store.at_once > 1 else None

    def __enter__(self) -> "ReadAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            # Who is stopped does not wait for a store that hangs: what is being read is thrown away.
            self._threads.shutdown(wait=error is None, cancel_futures=True)

    def expect(self, names: Iterable[str]) -> None:
        """These will be taken, in this order, after those that are expected already."""
        if self._threads is not None:
            self._expected.extend(names)
            self._begin()

    def take(self, name: str) -> bytes:
        """A file's bytes; what was expected before it is not wanted any more. Raises FileNotFoundError."""
        while self._begun:
            begun, reading = self._begun.popleft()
            self._begin()
            if begun == name:
                return reading.result()
            reading.cancel()
        return self._read(name)

    def _begin(self) -> None:
        while self._threads is not None and self._expected and len(self._begun) < self._store.at_once:
            name = self._expected.popleft()
            self._begun.append((name, self._threads.submit(self._read, name)))

    def _read(self, name: str) -> bytes:
        with self._store.open(name, "rb") as file:
            return bytes(file.read())
