"""Which part of the queue a reviewer wants to see. The words are those of the page's address and of the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date

from collector.models import Smiley
from operations.problems import Problem

from .flags import WORDS
from .models.queue import QueueEntryQuerySet

_NEWEST = timedelta(days=60)

Condition = Callable[[str], Q]
_conditions: dict[str, Condition] = {}


@dataclass(frozen=True)
class QueueFilter:
    """A prompt, what else has to hold of a queue entry, and whether that leaves nothing but the newest ones."""

    smiley: Smiley | None = None
    conditions: Mapping[str, Q] = field(default_factory=dict)
    newest: bool = False

    def apply(self, entries: QueueEntryQuerySet) -> QueueEntryQuerySet:
        if self.smiley is not None:
            entries = entries.filter(smiley=self.smiley)
        return entries.filter(*self.conditions.values())

    def best_first(self, entries: QueueEntryQuerySet) -> QueueEntryQuerySet:
        """Entries that the filter was applied to."""
        return entries.best_first_of_the_newest() if self.newest else entries.best_first()


def queue_filter(name: str) -> Callable[[Condition], Condition]:
    """Register what the filter `name` asks of a queue entry; higher rooms add theirs from `AppConfig.ready`.

    The decorated function makes a condition of the value, and raises ValueError, saying what it takes, when it cannot.
    """

    def register(condition: Condition) -> Condition:
        _conditions[name] = condition
        return condition

    return register


def filter_names() -> list[str]:
    return ["smiley", *_conditions]


def filter_of(wanted: Mapping[str, str]) -> QueueFilter:
    """The filter that the words describe, without the empty ones. Raises Problem: filter_unknown, filter_unusable."""
    given = {name: value.strip() for name, value in wanted.items() if value.strip()}
    if unknown := set(given) - set(filter_names()):
        raise Problem(
            "filter_unknown",
            f"There is no filter {', '.join(sorted(unknown))}; there are {', '.join(filter_names())}.",
        )
    slug = given.pop("smiley", None)
    smiley = next((one for one in Smiley.objects.all() if one.slug == slug), None)
    if slug is not None and smiley is None:
        raise Problem("filter_unusable", f"There is no smiley {slug}: name one by its slug.")
    try:
        conditions = {name: _conditions[name](value) for name, value in given.items()}
        newest = "since" in given and _midnight(given["since"]) > timezone.now() - _NEWEST
        return QueueFilter(smiley, conditions, newest)
    except ValueError as error:
        raise Problem("filter_unusable", str(error)) from None


@queue_filter("flag")
def _flag(value: str) -> Q:
    if value not in WORDS:
        raise ValueError(f"There is no flag {value}; there are {', '.join(WORDS)}.")
    return Q(flags__contains=f"|{value}|")


@queue_filter("participant")
def _participant(value: str) -> Q:
    try:
        return Q(photo__participant=UUID(value))
    except ValueError:
        raise ValueError("A participant is named by a UUID.") from None


@queue_filter("model")
def _model(value: str) -> Q:
    if value != "disagrees":
        raise ValueError("Of the model one can ask for: disagrees.")
    return Q(model_disagrees=True)


@queue_filter("reviewers")
def _reviewers(value: str) -> Q:
    if value != "disagree":
        raise ValueError("Of reviewers one can ask for: disagree.")
    return Q(reviewers_disagree=True)


@queue_filter("since")
def _since(value: str) -> Q:
    return Q(sent_at__gte=_midnight(value))


@queue_filter("until")
def _until(value: str) -> Q:
    return Q(sent_at__lt=_midnight(value) + timedelta(days=1))


def _midnight(value: str) -> datetime:
    try:
        day = parse_date(value)
    except ValueError:
        day = None
    if day is None or not 1900 < day.year < 9000:
        raise ValueError(f"A day looks like 2026-11-21, and {value} is none.")
    return datetime.combine(day, time(), UTC)
