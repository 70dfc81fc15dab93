"""How long staff's pages take among many photos, with how many queries.

`--photos 1000000` (the default on PostgreSQL; 200,000 on SQLite) are generated with 2.5 times as many reviews. Measured
are the lists of admin on the first page and far behind, the dashboard, the quality page and the others of reviewing;
PostgreSQL where DATABASE_URL names an empty database of its own, or one that `bench.review_queue` has filled.
"""

import argparse
import logging
import os
import statistics
import time
from pathlib import Path
from typing import Any

RUNS = 7
MOST_MS, MOST_QUERIES = 500, 12


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
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    from bench._population import populate
    from collector.models import Photo
    from labeling.models import Review

    photos = chosen.photos or (1_000_000 if connection.vendor == "postgresql" else 200_000)
    if not Photo.objects.exists():
        populate(photos)
    print(f"{connection.vendor}: {Photo.objects.count():,} photos, {Review.objects.count():,} reviews")
    count_reviews()
    measure()


def count_reviews() -> None:
    """What the rounds of a site have done by the time that somebody looks."""
    from django.db.models.functions import TruncDate

    from labeling.measuring import days_count
    from labeling.models import PatternCount, Review, UncountedDay

    if PatternCount.objects.exists():
        return
    days = Review.objects.order_by().values_list(TruncDate("photo__created_at"), flat=True).distinct()
    UncountedDay.objects.bulk_create(UncountedDay(day=day) for day in days)
    start = time.perf_counter()
    counted = days_count(report=lambda done, total, message: None)
    seconds = time.perf_counter() - start
    print(f"reviews of {counted} days counted: {seconds:.0f} s, {1000 * seconds / counted:.0f} ms a day")


def measure() -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    chief = User.objects.get(username="chief")
    client.force_login(chief, backend="django.contrib.auth.backends.ModelBackend")
    for name in ("", "review/", "quality/", "duplicates/", "keypoints/"):
        report(client, f"/admin/{name}")
    for app, model in (
        ("collector", "photo"),
        ("collector", "participant"),
        ("labeling", "face"),
        ("labeling", "review"),
        ("labeling", "decision"),
        ("operations", "auditevent"),
        ("operations", "job"),
    ):
        report(client, f"/admin/{app}/{model}/")
    report(client, "/admin/collector/photo/?state__exact=in_review")
    report(client, "/admin/labeling/review/?verdict__exact=reject")
    for app, model in (("collector", "photo"), ("labeling", "review"), ("labeling", "face")):
        compare(client, f"/admin/{app}/{model}/", far_behind(app, model))
    print(f"resident memory of the process that made them: {resident() / 2**20:.0f} MB")


def far_behind(app: str, model: str) -> str:
    """The address of page 10,000, or of the middle where there are fewer."""
    from urllib.parse import urlencode

    from django.apps import apps
    from django.contrib import admin

    rows = apps.get_model(app, model)
    options = admin.site._registry[rows]
    field = next((name.lstrip("-") for name in options.ordering or () if name.lstrip("-") != "pk"), "")
    ordered = rows._default_manager.order_by(*([f"-{field}"] if field else []), "-pk")
    row = ordered[min(9_999 * options.list_per_page, rows._default_manager.count() // 2)]
    value = rows._meta.get_field(field).value_to_string(row) if field else ""
    return f"/admin/{app}/{model}/?{urlencode({'after': f'{value}~{row.pk}'})}"


def report(client: Any, path: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path, secure=True, follow=True)
    number = len(queries)  # the next request forgets them
    times = [milliseconds(client, path) for _ in range(RUNS)]
    median = statistics.median(times)
    slow = "" if median < MOST_MS and number <= MOST_QUERIES else "    over the figure"
    print(
        f"{path:48} {answer.status_code} {median:7.0f} ms (worst {max(times):.0f}){number:4} queries{slow}",
        flush=True,
    )


def compare(client: Any, first: str, far: str) -> None:
    """Page 10,000 and the first one by turns, so that whatever else the machine does falls on both."""
    pairs = [(milliseconds(client, first), milliseconds(client, far)) for _ in range(3 * RUNS)]
    one, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"{first + ' page 10,000':52} {other:7.0f} ms, {other / one - 1:+.0%} of page 1", flush=True)


def milliseconds(client: Any, path: str) -> float:
    start = time.perf_counter()
    client.get(path, secure=True, follow=True)
    return 1000 * (time.perf_counter() - start)


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
