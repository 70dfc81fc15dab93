"""Going through many rows a page at a time: no query stays open, which on SQLite would keep others from writing and
from erasing, and memory does not grow with their number."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

PAGE = 2000


def pages(rows: QuerySet[Any, Any], by: str, *, size: int = PAGE) -> Iterator[list[Any]]:
    """Lists of at most `size` rows of a `values_list`, in the order of `by`, its first column, which is unique."""
    page = list(rows.order_by(by)[:size])
    while page:
        yield page
        last = page[-1][0]
        page = list(rows.filter(**{f"{by}__gt": last}).order_by(by)[:size])
