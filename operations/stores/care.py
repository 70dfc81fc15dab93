"""What is seen to from time to time, and before the site starts."""

from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from ..jobs.registry import housekeeping
from ..private_files import store
from .base import StoreError
from .spool import spool_tidy

CHECKS = "files"
_LONGEST_UPLOAD = timedelta(days=1)


@housekeeping("operations.drop_unfinished", every=timedelta(hours=1))
def drop_unfinished() -> None:
    store().drop_unfinished(timezone.now() - _LONGEST_UPLOAD)
    spool_tidy()


@register(CHECKS)
def check_files(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start where no file could be kept, or none be forgotten. Asked for together with the database, for it
    talks to the store."""
    if not databases:
        return []
    try:
        store().check_forgets()
    except (StoreError, ImproperlyConfigured) as error:
        return [Error(str(error), id="operations.E001")]
    return []
