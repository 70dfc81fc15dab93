"""What the commands that import pictures share."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError

from collector.models import ImportBatch, Photo, Smiley
from operations.problems import Problem
from operations.progress import Track

from .batches import batch_open
from .staging import Row, Staging
from .taking import picture_import

WORDS = ("source", "licence", "legal_basis")


class Take(Protocol):
    def __call__(self, *, batch: ImportBatch, row: Row, data: bytes, accept: bool) -> tuple[Photo, bool]: ...


def add_words(parser: ArgumentParser) -> None:
    """The three things that are to be said of any import."""
    parser.add_argument("--source", required=True, help="where the pictures are from")
    parser.add_argument("--licence", required=True, help="under which terms")
    parser.add_argument("--legal-basis", required=True, help="in words: why these pictures may be used")


def add_smiley(parser: ArgumentParser) -> None:
    """For pictures that say nothing of a smiley."""
    parser.add_argument(
        "--smiley",
        default="straight-face",
        metavar="SLUG",
        help="what people imitate on pictures that do not say so (default %(default)s)",
    )
    parser.add_argument(
        "--accept", action="store_true", help="accept each photo as its smiley, without review"
    )


class ImportCommand(BaseCommand):
    """Takes in what a reader has gathered, with a progress bar, and says at the end what became of it."""

    def bring_in(
        self,
        staging: Staging,
        read: Callable[[Row], bytes],
        *,
        words: dict[str, Any],
        accept: bool,
        take: Take = picture_import,
    ) -> str:
        """Returns the summary. `read` gives a row's picture as it is to be taken in."""
        batch = batch_open(**{name: words[name] for name in WORDS})
        track = Track(staging, total=len(staging), unit="photos")
        new = refused = 0
        try:
            for row in track:
                try:
                    new += take(batch=batch, row=row, data=read(row), accept=accept)[1]
                except (Problem, OSError) as problem:
                    refused += 1
                    self._refused(row, problem)
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted: {new:,} photos came in, and stay. Give the same command again to go on.",
                returncode=130,
            ) from None
        before = track.done - new - refused
        return f"{track.summary()}: {new:,} new, {before:,} there before, {refused:,} refused."

    def _refused(self, row: Row, problem: Exception) -> None:
        if isinstance(problem, Problem) and problem.code == "storage_full":
            raise CommandError(
                f"{row.place}: the disk is full. Make room, and give the same command again to go on."
            ) from problem
        self.stderr.write(f"{row.place}: {problem}")


def smiley_check(slug: str) -> None:
    """Raises CommandError when there is no such smiley."""
    known = list(Smiley.objects.values_list("slug", flat=True))
    if slug not in known:
        raise CommandError(f"No smiley is called {slug!r}; there are {', '.join(known)}.")
