from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from labeling.imports.command import ImportCommand, add_words
from operations.problems import Problem
from operations.progress import job_progress
from training.imports.export import ExportFile, export_picture
from training.imports.services import SampleImport, tombstones_take_over


class Command(ImportCommand):
    help = (
        "Bring in an export of a site like this, with its labels, splits and keypoints: all of it is checked before"
        " anything comes in. Interrupted, it goes on where it stopped when started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "export",
            type=Path,
            help="the tar file, or its folder once unpacked: imagefolder, coco, webdataset, parquet",
        )
        add_words(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with job_progress("photos") as show:
                export = ExportFile(options["export"], report=show)
            gone = tombstones_take_over(export.withdrawn())
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted while it was looked through: nothing came in.", returncode=130
            ) from None
        take = SampleImport()
        said = self.bring_in(export.staging, export_picture, words=options, accept=True, take=take)
        if gone:
            self.stderr.write(
                f"{gone:,} photos were withdrawn where they were given, and are withdrawn here now, too."
            )
        self.stderr.write(take.warning(), ending="\n" if take.elsewhere else "")
        self.stdout.write(said)
