"""What freezing 100,000 accepted photos costs: seconds, memory, and how long anybody else has to wait to write.

The photos are rows only, for no pixel is looked at; a hundredth of them are noted as nearly the same as another.
`--photos N` for another number. On SQLite, or on the database that DATABASE_URL names.
"""

import argparse
import logging
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

ACCEPTED_SHARE = 0.425  # of what the population has


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    count = parser.parse_args().photos
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    logging.disable(logging.WARNING)
    # In a process of its own, for the memory that it takes is nobody's concern.
    filling = multiprocessing.get_context("fork").Process(target=_fill, args=(round(count / ACCEPTED_SHARE),))
    filling.start()
    filling.join()
    from collector.models import Photo
    from training.datasets import dataset_freeze, dataset_revise, photos_leave_datasets

    print(f"{Photo.objects.accepted().count():,} accepted photos")
    with measured("freeze"):
        version, new = dataset_freeze(actor="system")
    assert new
    print(f"  {version.photos:,} photos of {version.people:,} people, {version.left_out.count():,} left out")
    with measured("freeze again, nothing new"):
        assert not dataset_freeze(actor="system")[1]
    from django.db import transaction

    with transaction.atomic():
        photos_leave_datasets(photos=Photo.objects.filter(pk=version.items.values("photo")[:1]))
    with measured("revise, one photo gone"):
        dataset_revise(number=version.number)


def _fill(photos: int) -> None:
    from django.core.management import call_command

    from bench._population import populate

    call_command("migrate", verbosity=0)
    populate(photos)
    _pair()


def _pair() -> None:
    """Each hundredth accepted photo is nearly the same as the next one in the list, of somebody else mostly."""
    from collector.models import Photo
    from labeling.models import NearDuplicate

    photos = list(Photo.objects.accepted().only("participant", "created_at").order_by("pk"))
    pairs = zip(photos[::100], photos[1::100], strict=False)
    NearDuplicate.objects.bulk_create(
        (NearDuplicate.of(one, other, bits=2, difference=3.0) for one, other in pairs), batch_size=5000
    )


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print the seconds, by how much the peak of resident memory grew, and the longest wait of another writer."""
    over = threading.Event()
    waits: list[float] = []
    writer = threading.Thread(target=_write_now_and_then, args=(over, waits))
    before = _peak()
    writer.start()
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        over.set()
        writer.join()
    grown = (_peak() - before) / 1024
    waits.sort()
    median, longest = waits[len(waits) // 2] * 1e3, waits[-1] * 1e3
    print(
        f"{what}: {seconds:.1f} s, memory +{grown:.0f} MB; of {len(waits)} writes beside it one took"
        f" {median:.0f} ms in the median, {longest:.0f} ms at most",
        flush=True,
    )


def _write_now_and_then(over: threading.Event, waits: list[float]) -> None:
    from django.db import connection

    from operations.audit import audit_record

    while not over.wait(0.02):
        start = time.perf_counter()
        audit_record(actor="system", action="bench", subject="freeze")
        waits.append(time.perf_counter() - start)
    connection.close()


def _peak() -> float:
    """Of resident memory, in kilobytes."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
