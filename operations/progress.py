"""Progress of long commands in the terminal."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Track(Generic[T]):
    """Iterate with a progress bar and a rate on standard error; afterwards `summary` says what was done."""

    def __init__(self, items: Iterable[T], *, total: int, unit: str) -> None:
        self._items = items
        self._total = total
        self._unit = unit
        self._start = time.monotonic()
        self.done = 0

    def __iter__(self) -> Iterator[T]:
        for item in tqdm(self._items, total=self._total, unit=f" {self._unit}", dynamic_ncols=True):
            yield item
            self.done += 1

    def summary(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-6)
        return f"{self.done:,} {self._unit} in {seconds:.1f} s ({self.done / seconds:.1f}/s)"


@contextmanager
def job_progress(unit: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar for a job that runs in this process: call what you get with what it tells."""
    with tqdm(unit=f" {unit}", dynamic_ncols=True) as bar:

        def show(done: int, total: int, message: str) -> None:
            bar.total = total or None
            bar.set_description(message, refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield show
