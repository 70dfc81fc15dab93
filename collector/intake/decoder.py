"""The parent's side of decoding: a few children that are replaced when they die, hang or have served long enough."""

import atexit
import os
import queue
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from operations.problems import Problem, busy

_CHILD = Path(__file__).with_name("child.py")
_PICTURES_PER_CHILD = 500  # recycled, so that nothing a decoder leaks or corrupts lives long
_SENTENCES = {
    "image_unreadable": _("The picture is damaged: take or export it again."),
    "image_costly": _("The picture takes too long or too much memory to open: save it again as JPEG."),
}


@dataclass(frozen=True)
class CleanPicture:
    jpeg: bytes
    width: int
    height: int


class DecoderPool:
    """Up to `processes` children, started when first needed. Safe to use from many threads."""

    def __init__(
        self, *, processes: int, seconds: int, megabytes: int, max_pixels: int, wait_seconds: float = 10
    ) -> None:
        self._seconds = seconds
        self._wait_seconds = wait_seconds
        self._arguments = [str(seconds), str(megabytes)]
        self._max_pixels = max_pixels
        self._children: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _child in range(processes):
            self._children.put(None)
        atexit.register(self.close)

    def clean(self, data: bytes) -> CleanPicture:
        """Decode and rebuild one picture. Raises Problem (image_unreadable, image_costly, busy)."""
        try:
            child = self._children.get(timeout=self._wait_seconds)
        except queue.Empty:
            raise busy() from None
        try:
            if child is None or not child.fit():
                if child is not None:
                    child.end()
                child = _Child(self._arguments)
            # The CPU limit is the child's own; on a busy machine its wall clock runs longer.
            return child.clean(data, self._max_pixels, patience=6 * self._seconds)
        finally:
            self._children.put(child)

    def close(self) -> None:
        while not self._children.empty():
            child = self._children.get()
            if child is not None:
                child.end()


class _Child:
    def __init__(self, arguments: list[str]) -> None:
        # -I: neither the environment nor the current folder can change what the child loads.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)  # a child that hangs does not read either
        self._served = 0

    def fit(self) -> bool:
        return self._process.poll() is None and self._served < _PICTURES_PER_CHILD

    def clean(self, data: bytes, max_pixels: int, *, patience: float) -> CleanPicture:
        self._served += 1
        deadline = time.monotonic() + patience
        try:
            self._write(struct.pack(">II", len(data), max_pixels) + data, deadline)
            status, length = struct.unpack(">BI", self._read(5, deadline))
            payload = self._read(length, deadline)
        except (BrokenPipeError, EOFError, TimeoutError):
            self.end()
            raise _problem("image_costly") from None
        except BaseException:
            # An answer that nobody has read would be given to the next upload: somebody else's picture.
            self.end()
            raise
        if status:
            raise _problem(payload.decode("ascii"))
        width, height = struct.unpack_from(">II", payload)
        return CleanPicture(payload[8:], width, height)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        view = memoryview(data)
        while view:
            _wait(self._process.stdin.fileno(), select.POLLOUT, deadline)
            view = view[self._process.stdin.write(view) or 0 :]

    def _read(self, length: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        received = bytearray()
        while len(received) < length:
            _wait(self._process.stdout.fileno(), select.POLLIN, deadline)
            chunk = self._process.stdout.read(min(length - len(received), 1 << 20))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the pipe is ready. Poll and not select, which fails in a server with over 1,024 open connections."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def _problem(code: str) -> Problem:
    return Problem(code, str(_SENTENCES[code]), status=422)
