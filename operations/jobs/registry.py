"""Which code does which kind of job, and what is done regularly.

Higher rooms register here from `AppConfig.ready`; the queue's worker finds the handler by the job's kind,
so that nothing is ever imported upwards and no task name is written twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .running import RunningJob

Handler = Callable[["RunningJob"], None]


@dataclass(frozen=True)
class JobKind:
    name: str
    queue: str
    handler: Handler
    time_limit: int | None  # seconds after which the worker's child is killed; None for supervised processes
    alone: bool = (
        False  # one at a time, so that a row of long ones leaves the queue's other processes to the rest
    )


@dataclass(frozen=True)
class Housekeeping:
    name: str
    every: timedelta
    run: Callable[[], None]


_kinds: dict[str, JobKind] = {}
_housekeeping: dict[str, Housekeeping] = {}


def job_handler(
    name: str, *, queue: str, time_limit: int | None, alone: bool = False
) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of jobs of kind `name`."""

    def register(handler: Handler) -> Handler:
        _kinds[name] = JobKind(name, queue, handler, time_limit, alone)
        return handler

    return register


def housekeeping(name: str, *, every: timedelta) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Have the sweep call the decorated function at most once per `every`."""

    def register(run: Callable[[], None]) -> Callable[[], None]:
        _housekeeping[name] = Housekeeping(name, every, run)
        return run

    return register


def kind(name: str) -> JobKind:
    """The registered kind; KeyError for one that no room of this installation knows."""
    return _kinds[name]


def runs_alone(name: str) -> bool:
    return name in _kinds and _kinds[name].alone


def kind_names() -> list[str]:
    return sorted(_kinds)


def all_housekeeping() -> list[Housekeeping]:
    return list(_housekeeping.values())
