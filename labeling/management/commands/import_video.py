from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from PIL import Image

from collector.models import Smiley
from labeling.imports import batch_open
from labeling.video_imports import (
    LEAVE_OUT,
    Cast,
    VideoFile,
    VideoPass,
    VideoResult,
    video_import,
    video_tracks,
)
from operations.problems import Problem
from operations.progress import Track


class Command(BaseCommand):
    help = (
        "Bring in the faces of a video. Interrupted, it goes on where it stopped when started again. With --preview"
        " nothing comes in: a picture of each person shows who is which track, for --people."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True)
        parser.add_argument("--licence", required=True)
        parser.add_argument("--legal-basis", required=True, help="in words: why this video may be used")
        parser.add_argument("--smiley", required=True, metavar="SLUG", help="what the people in it imitate")
        parser.add_argument(
            "--rate", type=_rate, default=2.0, help="frames a second to choose from (default %(default)g)"
        )
        who = parser.add_mutually_exclusive_group()
        who.add_argument(
            "--people",
            metavar="NAME,NAME,…",
            default="",
            help=f"who the tracks are, in their order; a name may come twice, {LEAVE_OUT} leaves a track out",
        )
        who.add_argument(
            "--person", metavar="NAME", default="", help="everybody in the video is this one person"
        )
        parser.add_argument(
            "--accept", action="store_true", help="accept each photo as --smiley, without review"
        )
        parser.add_argument(
            "--preview", type=Path, metavar="DIR", help="only write one picture of each track to this folder"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        smiley = _smiley(options["smiley"])
        cast = Cast([name.strip() for name in options["people"].split(",")], options["person"].strip())
        try:
            video = VideoFile.at(options["file"])
            with VideoPass(video, rate=options["rate"]) as way:
                frames = Track(way, total=way.total, unit="frames")
                if options["preview"]:
                    said = self._preview(frames, options["preview"])
                else:
                    words = {name: options[name] for name in ("source", "licence", "legal_basis")}
                    result = video_import(
                        frames,
                        batch=batch_open(**words),
                        video=video,
                        cast=cast,
                        smiley=smiley,
                        accept=options["accept"],
                    )
                    said = self._say(result, cast)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if way.warning:
            self.stderr.write(f"Warning: {way.warning}")
        self.stdout.write(f"{frames.summary()}: {said} Left out: {way.dropped}.")

    def _say(self, result: VideoResult, cast: Cast) -> str:
        for sentence in result.refusals:
            self.stderr.write(sentence)
        for track in sorted(result.tracks.values(), key=lambda track: track.number):
            name = cast.name(track.number)
            self.stdout.write(f"  track {track.number}: {name}, second {track.first:.1f} to {track.last:.1f}")
        if apart := result.seldom_together(cast):
            self.stderr.write(
                f"Tracks {apart[0]} and {apart[1]} are never seen together and may be one person, who would then"
                " stand on both sides of training and test. See --preview, and give them one name with --people."
            )
        chosen_not = f", {result.left_out:,} of somebody else" if result.left_out else ""
        return f"{result.new:,} photos new, {result.before:,} there before, {result.refused:,} refused{chosen_not}."

    def _preview(self, frames: Track[Any], folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)

        def show(number: int, picture: Any) -> None:
            Image.fromarray(picture).save(folder / f"track-{number}.jpg", quality=90)

        tracks = video_tracks(frames, show)
        for track in tracks:
            self.stdout.write(
                f"  track {track.number}: second {track.first:.1f} to {track.last:.1f}, {track.photos:,} photos"
            )
        return f"{len(tracks):,} tracks, one picture of each in {folder}; nothing came in."


def _smiley(slug: str) -> Smiley:
    smiley = Smiley.objects.filter(slug=slug).first()
    if smiley is None:
        known = ", ".join(Smiley.objects.values_list("slug", flat=True))
        raise CommandError(f"No smiley is called {slug!r}; there are {known}.")
    return smiley


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 60:
        raise ArgumentTypeError(f"{text} is no number of frames a second between 0 and 60")
    return value
