from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.models import Smiley
from ml import video_command
from ml.artifacts import ArtifactError
from ml.predict import SmileyClassifier
from ml.video import UnreadableVideo
from ml.video_output import UnwritableVideo
from training.artifacts import artifact_fetch
from training.models import ModelVersion, Task


class Command(BaseCommand):
    help = "Draw faces, keypoints and smileys into a copy of a video; without --model by the active model, if any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        video_command.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["model"]
        active = ModelVersion.objects.active(Task.SMILEY)
        try:
            if folder is None and active is not None:
                folder = artifact_fetch(active)
                self.stderr.write(f"With the active model, {active}.")
            video_command.annotate_video(
                options["source"],
                options["out"],
                model=SmileyClassifier(folder) if folder else None,
                glyphs=dict(Smiley.objects.values_list("slug", "glyph")),
                votes=options["votes"],
                as_json=options["json"],
            )
        except (UnreadableVideo, UnwritableVideo, ArtifactError) as error:
            raise CommandError(str(error)) from error
