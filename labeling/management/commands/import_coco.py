from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from labeling.imports.coco import coco_stage
from labeling.imports.command import ImportCommand, add_smiley, add_words, smiley_check
from labeling.imports.folder import folder_picture
from operations.problems import Problem


class Command(ImportCommand):
    help = (
        "Bring in pictures with COCO's keypoint annotations. Interrupted, it goes on where it stopped when started"
        " again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("annotations", type=Path, help="the JSON file")
        parser.add_argument("--images", type=Path, required=True, help="the folder of its pictures")
        add_words(parser)
        add_smiley(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        smiley_check(options["smiley"])
        images: Path = options["images"]
        try:
            staging, left_out = coco_stage(options["annotations"], images=images, smiley=options["smiley"])
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if left_out:
            self.stderr.write(f"{left_out:,} pictures are left out: no face is annotated in them.")
        read = partial(folder_picture, images)
        said = self.bring_in(staging, read, words=options, accept=options["accept"])
        self.stdout.write(said)
