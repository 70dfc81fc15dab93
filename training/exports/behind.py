"""Writing a large file while its next bytes are made: copying and hashing need no interpreter, so that a thread of
their own costs the caller nothing."""

import hashlib
import queue
import threading
from types import TracebackType
from typing import IO

_BLOCK = 1 << 20
_WAITING = 8  # blocks
_MANY = 128  # parts of a block: from there on hashing each of them costs more than copying them together


class WrittenBehind:
    """Takes what is to be written to `file`, from where that stands. Memory: some blocks.

    Leave the context before anything else is done with the file. What fails in writing is raised by the next call.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self._begun: list[bytes] = []
        self._begun_bytes = self._written = 0
        self._patched = False
        self._queue: queue.Queue[list[bytes] | tuple[int, bytes] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="written-behind")

    def __enter__(self) -> "WrittenBehind":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand_over()
        self._queue.put(None)
        self._thread.join()
        if error is None:
            self._raise()
            self._file.flush()

    def write(self, data: bytes) -> int:
        self._raise()
        self._begun.append(data)
        self._begun_bytes += len(data)
        self._written += len(data)
        if self._begun_bytes >= _BLOCK:
            self._hand_over()
        return len(data)

    def tell(self) -> int:
        """How much has been written so far."""
        return self._written

    def patch(self, at: int, data: bytes) -> None:
        """Write over what was written before. The checksum has to be computed from the file then."""
        self._hand_over()
        self._patched = True
        self._queue.put((at, data))

    def sha256(self) -> str:
        """Of all of it, once the context is left."""
        if not self._patched:
            return self._digest.hexdigest()
        self._file.flush()
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()  # type: ignore[arg-type]

    def _hand_over(self) -> None:
        if self._begun:
            self._queue.put(self._begun)
            self._begun, self._begun_bytes = [], 0

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        while (piece := self._queue.get()) is not None:
            if self._error is not None:
                continue  # whoever waits for room has to be told
            try:
                self._write_one(piece)
            except BaseException as error:
                self._error = error

    def _write_one(self, piece: list[bytes] | tuple[int, bytes]) -> None:
        if isinstance(piece, list):
            whole = [b"".join(piece)] if len(piece) > _MANY else piece
            self._file.writelines(whole)
            for data in () if self._patched else whole:
                self._digest.update(data)
            return
        at, data = piece
        end = self._file.tell()
        self._file.seek(at)
        self._file.write(data)
        self._file.seek(end)
