from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.imports import batch_open, read_labels, row_import
from operations.problems import Problem
from operations.progress import Track


class Command(BaseCommand):
    help = (
        "Bring in a folder of research pictures. Interrupted, it goes on where it stopped when started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--labels", type=Path, required=True, help="a CSV with the columns file, person, smiley"
        )
        parser.add_argument("--source", required=True)
        parser.add_argument("--licence", required=True)
        parser.add_argument("--legal-basis", required=True, help="in words: why these pictures may be used")
        parser.add_argument(
            "--accept", action="store_true", help="accept each photo as its label, without review"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = read_labels(options["folder"], options["labels"])
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        batch = batch_open(**{name: options[name] for name in ("source", "licence", "legal_basis")})
        track = Track(rows, total=len(rows), unit="photos")
        new = refused = 0
        for row in track:
            imported = row_import(batch=batch, row=row, accept=options["accept"])
            new += imported.new
            if imported.photo is None:
                refused += 1
                self.stderr.write(f"Line {row.line}, {row.name}: {imported.problem}")
        before = track.done - new - refused
        self.stdout.write(f"{track.summary()}: {new:,} new, {before:,} there before, {refused:,} refused.")
