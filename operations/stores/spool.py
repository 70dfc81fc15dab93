"""Large things on their way, in files of this machine that are gone with the process that made them."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings


def spool_folder() -> Path:
    """On the disk of the data, for what others call temporary may lie in memory."""
    folder = Path(settings.DATA_DIR) / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def spool() -> IO[bytes]:
    """A file without a name; it is gone once it is closed."""
    return tempfile.TemporaryFile(dir=spool_folder())


@contextmanager
def named_spool() -> Iterator[tuple[Path, IO[bytes]]]:
    """A file that has to have a name, for other programs to open it. It is held by a lock: what a kill leaves behind
    is held by nobody, and goes with `spool_tidy`."""
    with tempfile.NamedTemporaryFile(dir=spool_folder()) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield Path(file.name), file.file


def spool_tidy() -> None:
    """Remove what processes of this machine that are no more have left."""
    for path in spool_folder().iterdir():
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between its making and its lock a file is empty.
            if os.fstat(file.fileno()).st_size:
                path.unlink()
