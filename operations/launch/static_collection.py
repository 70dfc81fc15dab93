"""Collecting the static files again only when something in them has changed. Needs Django to be set up."""

import fcntl
import hashlib
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import storages
from django.core.management import call_command

from .options import ROOT

_STAMP = ".collected-from"
_IGNORED = ["CVS", ".*", "*~"]  # as collectstatic does
_UNUSED = ["redoc"]  # half of what the API's documentation brings along, and no page shows it


def collect_if_changed(announce: Callable[[], None]) -> None:
    """Bring STATIC_ROOT up to date; `announce` is called before it, for it takes a while."""
    folder = Path(settings.STATIC_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        stamp = folder / _STAMP
        current = fingerprint()
        if stamp.is_file() and stamp.read_text() == current:
            return
        announce()
        stamp.unlink(missing_ok=True)  # an interrupted collection is done again
        # npm gives every file the same old date, and what seems older is not copied over its predecessor:
        # originals that were kept have to go first. Names with hashes in them may stay.
        clear = not getattr(settings, "WHITENOISE_KEEP_ONLY_HASHED_FILES", False)
        call_command("collectstatic", interactive=False, clear=clear, ignore_patterns=_UNUSED, verbosity=0)
        stamp.write_text(current)


def fingerprint() -> str:
    """Changes with any static file, with the lock of the npm packages and with what processes the files."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in sorted(finder.list(_IGNORED + _UNUSED), key=lambda item: item[0]):
            status = os.stat(storage.path(path))
            prefix = getattr(storage, "prefix", None) or ""
            digest.update(f"{prefix}/{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    processor = type(storages["staticfiles"])
    for source in (ROOT / "package-lock.json", Path(inspect.getfile(processor))):
        digest.update(source.read_bytes() if source.is_file() else b"")
    digest.update(repr((settings.STORAGES["staticfiles"], settings.STATIC_URL, _UNUSED)).encode())
    digest.update(f"{version('django')} {version('whitenoise')}".encode())
    return digest.hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two starts with different data folders share the static files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
