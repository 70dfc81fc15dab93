"""How fast are photos read from an object store, one after the other and ahead of who takes them?

    python -m bench.objects [--files 400] [--bytes 150000] [--delay 20]

From an S3 server of this machine, which answers at once; ``--delay`` milliseconds are waited before each request, as
for a store elsewhere. What a store that answers at once gives is the bound, and takes this machine's processor.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def read_all(store: Any, names: list[str], at_once: int) -> float:
    """Files a second."""
    from operations.stores.ahead import ReadAhead

    store.at_once = at_once
    began = time.perf_counter()
    with ReadAhead(store) as ahead:
        ahead.expect(names)
        for name in names:
            ahead.take(name)
    return len(names) / (time.perf_counter() - began)


@contextmanager
def delayed(store: Any, seconds: float) -> Iterator[None]:
    def wait(**_: Any) -> None:
        time.sleep(seconds)

    events = store._client.meta.events
    events.register("before-send.s3", wait)
    yield
    events.unregister("before-send.s3", wait)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--bytes", type=int, default=150_000)
    parser.add_argument("--delay", type=float, default=20, metavar="MS")
    options = parser.parse_args()
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.files.base import ContentFile

    from tests.storage import new_bucket, running_object_server

    with running_object_server() as server:
        store = new_bucket(server)
        at_once = store.at_once
        names = [f"photos/{number}.jpg" for number in range(options.files)]
        for name in names:
            store.save(name, ContentFile(os.urandom(options.bytes)))
        print(f"{options.files} files of {options.bytes:,} bytes; load average {os.getloadavg()[0]:.1f}\n")
        print(f"{'files a second':36}{'one by one':>12}{f'{at_once} at once':>12}")
        for delay in (0.0, options.delay):
            with delayed(store, delay / 1000):
                alone, many = (read_all(store, names, number) for number in (1, at_once))
            print(f"{f'{delay:g} ms before each answer':36}{alone:12.0f}{many:12.0f}", flush=True)


if __name__ == "__main__":
    main()
