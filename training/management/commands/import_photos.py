from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from labeling.imports.command import ImportCommand, add_words
from labeling.imports.folder import folder_picture, folder_stage
from operations.problems import Problem
from training.imports.services import SampleImport


class Command(ImportCommand):
    help = (
        "Bring in a folder of research pictures. Interrupted, it goes on where it stopped when started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--labels",
            type=Path,
            required=True,
            help="a CSV with the columns file, person, smiley (or file_name, participant, smiley) and perhaps split",
        )
        add_words(parser)
        parser.add_argument(
            "--accept", action="store_true", help="accept each photo as its label, without review"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            staging = folder_stage(folder=folder, labels=options["labels"])
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        take = SampleImport()
        said = self.bring_in(
            staging, partial(folder_picture, folder), words=options, accept=options["accept"], take=take
        )
        self.stderr.write(take.warning(), ending="\n" if take.elsewhere else "")
        self.stdout.write(said)
