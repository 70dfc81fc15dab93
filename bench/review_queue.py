"""How fast the review queue hands out photos, with how many queries, among many photos.

`--photos 1000000` (the default on PostgreSQL; 200,000 on SQLite) are generated with 2.5 times as many reviews, half of
the photos waiting. PostgreSQL is measured where DATABASE_URL names an empty database of its own.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

RUNS = 15


def main() -> None:
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int)
    chosen = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    from bench._population import populate
    from labeling.models import QueueEntry, Review

    photos = chosen.photos or (1_000_000 if connection.vendor == "postgresql" else 200_000)
    if not QueueEntry.objects.exists():
        start = time.perf_counter()
        populate(photos)
        print(f"{connection.vendor}: generated in {time.perf_counter() - start:.0f} s")
    print(f"{QueueEntry.objects.count():,} photos wait, {Review.objects.count():,} reviews")
    measure()


def measure() -> None:
    from bench._population import reviewers
    from collector.models import Photo, Smiley
    from labeling.claims import claims_release, claims_take
    from labeling.decisions import Rule
    from labeling.filters import filter_of
    from labeling.models import QueueEntry
    from labeling.queue import queues_weigh_anew
    from labeling.rules import rule_preview
    from labeling.services import review_record, review_undo

    me, other, *_ = reviewers()
    somebody = str(Photo.objects.filter(queue_entry__isnull=False)[0].participant_id)

    def claim(mode: str, count: int, **words: str) -> Callable[[], int]:
        def work() -> int:
            photos = claims_take(reviewer=me, own=None, mode=mode, wanted=filter_of(words), count=count)
            claims_release(reviewer=me, photos=[photo.pk for photo in photos])
            return len(photos)

        return work

    report("24 for the grid", claim("grid", 24))
    report("24 for the grid, of one smiley", claim("grid", 24, smiley="kiss"))
    report("10 singly", claim("single", 10))
    report("10 singly, a common flag", claim("single", 10, flag="dark"))
    report("10 singly, of one participant", claim("single", 10, participant=somebody))
    report("10 singly, model disagrees", claim("single", 10, model="disagrees"))
    report("10 singly, reviewers disagree", claim("single", 10, reviewers="disagree"))
    report("10 singly, of one day", claim("single", 10, since="2000-01-01", until="2000-01-01"))
    newest = Photo.objects.latest("created_at").created_at.date().isoformat()
    report("10 singly, of today", claim("single", 10, since=newest))

    def judge() -> int:
        photo = claims_take(reviewer=other, own=None, mode="single", wanted=filter_of({}), count=1)[0]
        review = review_record(photo=photo, reviewer=other, verdict="match")
        review_undo(review_id=review.pk, reviewer=other)
        return 1

    report("claim, verdict, undo", judge)
    kiss = Smiley.objects.get(slug="kiss")
    report("preview of another rule for a smiley", lambda: rule_preview(kiss, Rule(3)).total)
    entries = QueueEntry.objects.order_by("-worth")
    done = seen_by(me, 50_000)
    report(f"10 singly, the best {done:,} being reviewed by me", claim("single", 10))
    report("24 for the grid, the same", claim("grid", 24))
    report("24 for the grid, of one smiley, the same", claim("grid", 24, smiley="kiss"))
    assert entries.exists()
    Smiley.objects.update(accepted_people=50)
    start = time.perf_counter()
    moved = queues_weigh_anew()
    print(
        f"{'all entries weighed anew':48} {1000 * (time.perf_counter() - start):8.0f} ms    {moved} smileys"
    )


def seen_by(reviewer: Any, count: int) -> int:
    """Have the reviewer seen the best that waits: the way to others is longer then."""
    from django.db.models import F, Value
    from django.db.models.functions import Concat

    from labeling.claims import waiting_for
    from labeling.models import QueueEntry, Review

    best = list(waiting_for(reviewer, None).best_first().values_list("pk", flat=True)[:count])
    made = (Review(photo_id=pk, reviewer=reviewer, verdict="match") for pk in best)
    Review.objects.bulk_create(made, batch_size=2000)
    mark = Concat(F("reviewed_by"), Value(f"|{reviewer.pk}|"))
    for start in range(0, len(best), 2000):
        QueueEntry.objects.filter(pk__in=best[start : start + 2000]).update(reviewed_by=mark)
    return len(best)


def report(name: str, work: Callable[[], int]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        found = work()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    print(
        f"{name:48} {statistics.median(times):8.1f} ms (worst {max(times):.0f})"
        f"    {len(queries)} queries, found {found}"
    )


if __name__ == "__main__":
    main()
