from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations.problems import Problem
from operations.progress import job_progress
from training.datasets import dataset_freeze


class Command(BaseCommand):
    help = "Freeze all accepted photos into the next data set version."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with job_progress("photos") as show:
                version, new = dataset_freeze(actor="system", on_progress=show)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. A worker begins it again, or this command does when it is given again.",
                returncode=130,
            ) from None
        for smiley, splits in version.counts.items():
            self.stdout.write(
                f"  {smiley:15}" + "".join(f"{name} {count:>7,}   " for name, count in splits.items())
            )
        state = "is new" if new else "holds already what is accepted now"
        self.stdout.write(
            f"Version {version} {state}: {version.photos:,} photos of {version.people:,} people,"
            f" SHA-256 {version.sha256}."
        )
