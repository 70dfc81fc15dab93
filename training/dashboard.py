"""How the collection is doing, on one page of staff. Each figure is kept by somebody, bounded, or read off an index."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from collector.counts import photos_a_day
from collector.models import Smiley
from labeling.charts import Dot, columns_svg, dots_svg
from labeling.models import NearDuplicate, QueueEntry
from labeling.quality import smiley_agreements
from operations.models import Job, QueuePulse

from .models import ModelVersion

DAYS = 30
_COUNTED = 10_000
_ALIVE = timedelta(minutes=1)


@dataclass(frozen=True)
class QueueState:
    """What waits for the workers of a queue, and when these last gave a sign of life."""

    queue: str
    waiting: int
    running: int
    quarantined: int
    seen_at: datetime | None
    alive: bool


def dashboard_figures() -> dict[str, Any]:
    smileys = list(Smiley.objects.order_by("order"))
    disk = shutil.disk_usage(settings.DATA_DIR)
    days = photos_a_day(until=timezone.now().date(), days=DAYS)
    return {
        "days": columns_svg(
            [(f"{day:%b %-d}", count) for day, count in days], title=f"Photos a day, the last {DAYS}"
        ),
        "photos_in": sum(count for _, count in days),
        "smileys": _people(smileys),
        "accepted": sum(smiley.accepted_count for smiley in smileys),
        "open": at_most(QueueEntry.objects.all()),
        "pairs": at_most(NearDuplicate.objects.filter(ruled_at=None)),
        "alphas": dots_svg(
            [
                Dot(one.glyph, one.alpha, note="not yet")
                for one in smiley_agreements(smileys, interval=False)
                if one.photos
            ],
            title="Krippendorff's α of each smiley",
        ),
        "queues": _queues(),
        "models": ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED).order_by(
            "task", "state", "-number"
        )[:12],
        "disk_free": disk.free,
        "disk_used": 1 - disk.free / disk.total,
    }


def at_most(rows: Any) -> str:
    """How many rows there are, as far as it is worth counting."""
    counted = rows.order_by()[: _COUNTED + 1].count()
    return f"more than {_COUNTED:,}" if counted > _COUNTED else f"{counted:,}"


def _people(smileys: list[Smiley]) -> Any:
    target = max(int(settings.COUNT_TARGET), 1)
    dots = [Dot(smiley.glyph, float(smiley.accepted_people)) for smiley in smileys]
    top = max([target, *(smiley.accepted_people for smiley in smileys)])
    return dots_svg(dots, title="People with an accepted photo of each smiley", high=float(top), decimals=0)


def _queues() -> list[QueueState]:
    # State by state in one go, for each has an index of its own, and done jobs are in none of them.
    queued, running, quarantined = (
        Job.objects.filter(state=state).order_by().values("queue", "state").annotate(number=Count("pk"))
        for state in (Job.State.QUEUED, Job.State.RUNNING, Job.State.QUARANTINED)
    )
    rows = queued.union(running, quarantined, all=True)
    counts = {(row["state"], row["queue"]): row["number"] for row in rows}
    seen = dict(QueuePulse.objects.values_list("queue", "worker_seen_at"))
    long_ago = timezone.now() - _ALIVE
    return [
        QueueState(
            queue=queue,
            waiting=counts.get((Job.State.QUEUED, queue), 0),
            running=counts.get((Job.State.RUNNING, queue), 0),
            quarantined=counts.get((Job.State.QUARANTINED, queue), 0),
            seen_at=seen.get(queue),
            alive=(seen.get(queue) or long_ago) > long_ago,
        )
        for queue in Job.Queue.values
    ]
