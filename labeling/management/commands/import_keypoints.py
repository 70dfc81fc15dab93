from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from labeling.imports.command import ImportCommand, add_smiley, add_words, smiley_check
from labeling.imports.kaggle import kaggle_picture, kaggle_stage
from operations.problems import Problem


class Command(ImportCommand):
    help = (
        "Bring in faces with 15 keypoints from a CSV in Kaggle's form, plain or gzipped. Interrupted, it goes on where"
        " it stopped when started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "csv", type=Path, help="30 coordinates and Image; further columns may be person and smiley"
        )
        add_words(parser)
        add_smiley(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        smiley_check(options["smiley"])
        try:
            staging, left_out = kaggle_stage(options["csv"], smiley=options["smiley"])
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        for sentence in left_out:
            self.stderr.write(sentence)
        said = self.bring_in(staging, kaggle_picture, words=options, accept=options["accept"])
        self.stdout.write(said)
