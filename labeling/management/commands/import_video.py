import math
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from PIL import Image

from collector.models import Smiley
from labeling.imports import batch_open
from labeling.video_imports import LEAVE_OUT, Cast, VideoFile, face_import, video_faces
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
        from ml.video import UnreadableVideo, VideoReader
        from ml.video_faces import FOLLOWING_RATE
        from ml.video_samples import FaceSampler

        smiley = _smiley(options["smiley"])
        cast = Cast([name.strip() for name in options["people"].split(",")], options["person"].strip())
        sampler = FaceSampler(options["rate"])
        following = max(FOLLOWING_RATE, options["rate"])
        try:
            video = VideoFile.at(options["file"])
            with VideoReader(video.path, rate=following) as reader:
                looked = min(reader.announced, math.ceil(reader.duration * following)) + 1
                frames = Track(video_faces(reader, sampler), total=looked, unit="frames")
                if options["preview"]:
                    said = self._preview(frames, options["preview"])
                else:
                    words = {name: options[name] for name in ("source", "licence", "legal_basis")}
                    said = self._bring_in(
                        frames,
                        batch=batch_open(**words),
                        video=video,
                        cast=cast,
                        smiley=smiley,
                        accept=options["accept"],
                    )
        except UnreadableVideo as error:
            raise CommandError(str(error)) from error
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if reader.warning:
            self.stderr.write(f"Warning: {reader.warning}")
        dropped = ", ".join(f"{count:,} {word}" for word, count in sampler.sampling.dropped().items())
        self.stdout.write(f"{frames.summary()}: {said} Left out: {dropped or 'nothing'}.")

    def _bring_in(self, frames: Track[Any], *, cast: Cast, **what: Any) -> str:
        new = before = refused = left = 0
        seen: dict[int, list[float]] = {}
        for samples in frames:
            for sample in samples:
                track = sample.track.number
                if cast.leaves_out(sample):
                    left += 1
                    continue
                imported = face_import(sample=sample, cast=cast, **what)
                seen.setdefault(track, [sample.seconds, sample.seconds])[1] = sample.seconds
                new += imported.new
                before += imported.photo is not None and not imported.new
                if imported.photo is None:
                    refused += 1
                    self.stderr.write(f"Second {sample.seconds:.1f}, {cast.name(track)}: {imported.problem}")
        self._say_who(seen, cast)
        chosen_not = f", {left:,} of somebody else" if left else ""
        return f"{new:,} photos new, {before:,} there before, {refused:,} refused{chosen_not}."

    def _say_who(self, seen: dict[int, list[float]], cast: Cast) -> None:
        for track, (first, last) in sorted(seen.items()):
            self.stdout.write(f"  track {track}: {cast.name(track)}, second {first:.1f} to {last:.1f}")
        unnamed = [track for track in seen if not cast.is_named(track)]
        apart = [(a, b) for a in unnamed for b in unnamed if seen[a][1] < seen[b][0]]
        if apart:
            one, other = apart[0]
            self.stderr.write(
                f"Tracks {one} and {other} are never seen together and may be one person, who would then stand on"
                " both sides of training and test. See --preview, and give them one name with --people."
            )

    def _preview(self, frames: Track[Any], folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        tracks: dict[int, list[float]] = {}
        for samples in frames:
            for sample in samples:
                number = sample.track.number
                if number not in tracks:
                    Image.fromarray(sample.image).save(folder / f"track-{number}.jpg", quality=90)
                tracks.setdefault(number, [sample.seconds, sample.seconds, 0])[1] = sample.seconds
                tracks[number][2] += 1
        for number, (first, last, count) in sorted(tracks.items()):
            self.stdout.write(f"  track {number}: second {first:.1f} to {last:.1f}, {count:,.0f} photos")
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
