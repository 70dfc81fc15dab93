"""Two things at once, held still where they would race: on PostgreSQL, which tells who waits for a lock."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections


class Beside:
    """Work in a thread and a connection of its own."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.outcome: Any = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.outcome = work()
        except Exception as error:
            self.outcome = error
        finally:
            connections.close_all()

    def result(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive(), "it waits for ever"
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


postgresql_only = pytest.mark.skipif(
    "postgresql" not in settings.DATABASES["default"]["ENGINE"], reason="has one writer at a time anyway"
)
