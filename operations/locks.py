"""One at a time, across processes and machines."""

from django.db import transaction
from django.utils import timezone

from .models import Round


def hold(name: str) -> None:
    """Wait until no other transaction holds `name`, and hold it until the current one ends.

    For use cases that first look and then write what depends on it. SQLite has one writer at a time anyway.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A lock outside a transaction holds nothing.")
    Round.objects.get_or_create(name=name, defaults={"last_at": timezone.now()})
    Round.objects.select_for_update().get(name=name)
