"""Running a training in a process of its own, and watching over it."""

import ctypes
import json
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings

_LOG_TAIL = 4000
_WATCH_SECONDS = 2
_CHUNK = 64 * 1024
_PR_SET_PDEATHSIG = 1


class TrainingFailed(Exception):
    """The training process ended with an error; the message is the end of what it printed."""


class TrainingKilled(Exception):
    """The training process was killed, by somebody or for want of memory: it can go on from its last checkpoint."""


def ml_command(
    arguments: list[str],
    *,
    log: Path,
    on_record: Callable[[dict[str, Any]], None],
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run `python -m ml …` and hand over each JSON line it prints. Its standard error goes to `log`.

    The process dies with its supervisor: nobody would listen to it, and the job is taken up again from the
    last checkpoint. `watch` is called every few seconds, however long nothing is printed. Raises TrainingFailed, or
    TrainingKilled when a signal ended it. When `on_record` or `watch` raises, the process is ended.
    """
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "ml", *arguments],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,
            bufsize=0,
        )
        try:
            for line in _lines(process.stdout, watch):
                record = json.loads(line, parse_constant=_refuse_constant)
                if isinstance(record, dict):
                    on_record(record)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    if code < 0:
        raise TrainingKilled(f"The training process was killed ({signal.Signals(-code).name}).")
    if code:
        raise TrainingFailed(log.read_text(errors="replace")[-_LOG_TAIL:] or f"It ended with status {code}.")


def _lines(pipe: IO[bytes] | None, watch: Callable[[], None]) -> Iterator[bytes]:
    """The lines of an unbuffered pipe, with a look at `watch` whenever _WATCH_SECONDS have passed."""
    assert pipe is not None
    due = time.monotonic() + _WATCH_SECONDS
    begun = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if time.monotonic() >= due:
                watch()
                due = time.monotonic() + _WATCH_SECONDS
            if not selector.select(due - time.monotonic()):
                continue
            if not (chunk := pipe.read(_CHUNK)):
                break
            *lines, begun = (begun + chunk).split(b"\n")
            yield from lines
    if begun:
        yield begun


def _refuse_constant(name: str) -> None:
    """A figure that is no number comes from a model that emits none: it must not get near a registry."""
    raise TrainingFailed(f"The training reported {name} where a number belongs: the model has diverged.")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
