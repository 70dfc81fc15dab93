"""Files that must go: those of withdrawn photos, and those whose row was never committed."""

import errno
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from operations.jobs.registry import housekeeping, job_handler
from operations.jobs.running import RunningJob
from operations.jobs.services import jobs_enqueue
from operations.models import Job
from operations.private_files import files_before
from operations.problems import Problem
from operations.stores.base import StoreError

from .models import Photo

logger = logging.getLogger(__name__)

_NAMES_AT_ONCE = 500
_DAYS_SEARCHED = 7  # a crash leaves its orphan in the folder of its day; the round runs every hour


@contextmanager
def told_when_full() -> Iterator[None]:
    """Raises Problem (storage_full) where the disk of the files or of the database has no room for what is written,
    and storage_away where the store of the files cannot be used."""
    try:
        yield
    except StoreError as error:
        logger.exception("No photo can be kept")
        raise Problem(
            "storage_away",
            _("No photos can be stored at the moment. Yours is tried again, so keep this page open."),
            status=503,
            retry_after=60,
        ) from error
    except (OSError, OperationalError) as error:
        if not _is_full(error):
            raise
        raise Problem(
            "storage_full",
            _(
                "There is no room here for more photos at the moment. Yours is tried again, so keep this page open."
            ),
            status=507,
            retry_after=60,
        ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    driver = error.__cause__
    sqlite_code, sqlstate = getattr(driver, "sqlite_errorcode", None), getattr(driver, "sqlstate", None)
    return sqlite_code == sqlite3.SQLITE_FULL or sqlstate == "53100"


@contextmanager
def atomic_with_files(*names: str) -> Iterator[None]:
    """A transaction in which the rows of files are written that are in the storage already; "" is no file.

    A failure inside it rolls the rows back, and the files go with them. What fails later, in committing or after
    it, proves nothing about the rows: then the files stay, and those that no row knows are found by a round.
    """
    with transaction.atomic():
        try:
            yield
        except BaseException:
            for name in filter(None, names):
                default_storage.delete(name)
            raise


def files_erase(*, subject: str, names: Iterable[str]) -> None:
    """Erase files once the caller's transaction, in which their rows go, has committed. Each call needs a subject
    of its own."""
    listed = sorted(names)
    payloads = {
        f"{subject}:{start}" if start else subject: {"names": listed[start : start + _NAMES_AT_ONCE]}
        for start in range(0, len(listed), _NAMES_AT_ONCE)
    }
    jobs_enqueue(name="collector.erase_files", payloads=payloads, priority=Job.Priority.WAITED_FOR)


# Where jobs take seconds: behind the hours that some bulk work takes, forgetting would not be done within a minute.
@job_handler("collector.erase_files", queue="media", time_limit=300)
def _erase(job: RunningJob) -> None:
    for name in job.payload["names"]:
        default_storage.delete(name)
    if connection.vendor == "sqlite":
        # What was deleted must not stay readable in the write-ahead log.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, *_) = cursor.fetchone()
        if busy:
            raise RuntimeError("The write-ahead log was in use all the time and could not be truncated.")


def erase_orphans(folder: str, known: Callable[[list[str]], set[str]]) -> int:
    """Delete files under `folder/YYYY/MM/DD` that no row knows; `known` returns those of the given that one does.

    Only files older than ORPHAN_HOURS, for a younger one's row may be about to be committed.
    """
    before = timezone.now() - timedelta(hours=settings.ORPHAN_HOURS)
    erased = 0
    for days in range(_DAYS_SEARCHED):
        names = files_before(f"{folder}/{timezone.now() - timedelta(days=days):%Y/%m/%d}", before)
        while some := list(islice(names, _NAMES_AT_ONCE)):
            for name in set(some) - known(some):
                default_storage.delete(name)
                erased += 1
    return erased


@housekeeping("collector.erase_orphans", every=timedelta(hours=1))
def _erase_orphaned_photos() -> None:
    erase_orphans(
        "photos", lambda names: set(Photo.objects.filter(file__in=names).values_list("file", flat=True))
    )
