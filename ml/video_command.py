"""``python -m ml annotate-video IN OUT``: a video with what is seen in it drawn in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.annotate import GLYPHS, Annotation, draw
from ml.faces.pose import keypoint_visibility, pose_from_mesh
from ml.geometry import GeometryError
from ml.landmarks import KEYPOINT_NAMES, keypoints_from_mesh
from ml.predict import SmileyClassifier
from ml.tracks import FaceTrack
from ml.video import Frame, UnreadableVideo, VideoReader, slot_of
from ml.video_faces import FaceFollower, FollowedFace
from ml.video_output import UnwritableVideo, VideoOutput, copy_sound, written_aside
from ml.vote import Vote, vote_on_face

#: A vote asks the network 45 times; ten a second are more than a label can be read at, and a third of all frames.
VOTES_A_SECOND = 10.0

_SOUND = {
    "kept": "sound kept",
    "none": "the source has no sound",
    "no ffmpeg": "without sound, for ffmpeg is not installed",
    "not kept": "without sound, for this container does not take that kind of it: try .mkv",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command, for argparse and for a site's own command alike."""
    parser.add_argument("source", metavar="IN", type=Path, help="the video")
    parser.add_argument("out", metavar="OUT", type=Path, help="the annotated copy: .mp4, .mkv, .webm or .avi")
    parser.add_argument(
        "--model", metavar="DIR", type=Path, help="a smiley model, asked in a vote of 45 windows"
    )
    parser.add_argument(
        "--votes",
        metavar="N",
        type=_rate,
        default=VOTES_A_SECOND,
        help="how often a second each face is voted on (default %(default)g); between, its last vote stands",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a frame, one at the end")


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 done; 1 done as far as the file went; 2 not possible; 130 interrupted."""
    model = SmileyClassifier(options.model) if options.model else None
    try:
        done = annotate_video(
            options.source, options.out, model=model, votes=options.votes, as_json=options.json
        )
    except (UnreadableVideo, UnwritableVideo) as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        print(f"Interrupted; {options.out} was not written.", file=sys.stderr, flush=True)
        return 130
    return 1 if done["truncated"] else 0


def annotate_video(
    source: Path,
    out: Path,
    *,
    model: SmileyClassifier | None = None,
    glyphs: Mapping[str, str] = GLYPHS,
    votes: float = VOTES_A_SECOND,
    as_json: bool = False,
) -> dict[str, Any]:
    """Draw boxes, the 15 keypoints and, with a model, the smiley into a copy of a video.

    Progress and warnings go to standard error, with ``as_json`` a line a frame to standard output. Memory holds one
    frame, however long the video is; ``out`` is there when all of it is.

    Returns:
        The summary, as the last JSON line has it.

    Raises:
        UnreadableVideo: there is nothing to read.
        UnwritableVideo: ``out`` cannot be written.
    """
    from tqdm import tqdm

    if source.exists() and out.exists() and out.samefile(source):
        raise UnwritableVideo(f"{out} is the source itself: give the copy another name.")
    faces = with_face = 0
    with VideoReader(source) as reader, written_aside(out) as aside:
        looker = _Looker(model, votes)
        output = VideoOutput(aside, width=reader.width, height=reader.height, fps=reader.fps)
        try:
            bar = tqdm(reader, total=reader.announced or None, unit="frame", leave=False, file=sys.stderr)
            for frame in bar:
                rows, marks = looker.look(frame)
                faces += len(marks)
                with_face += bool(marks)
                output.write(draw(frame.image, marks, glyphs), frame.seconds)
                if as_json:
                    line = {"frame": frame.number, "seconds": round(frame.seconds, 4), "faces": rows}
                    print(json.dumps(line, ensure_ascii=False))
        finally:
            output.close()
        seconds = max(float(bar.format_dict["elapsed"]), 1e-6)
        sound = copy_sound(aside, source)
    done = {
        "event": "done",
        "file": str(source),
        "out": str(out),
        "frames": reader.frames_read,
        "announced": reader.announced,
        "truncated": reader.truncated,
        "faces": faces,
        "sound": sound,
        "seconds": round(seconds, 2),
    }
    if reader.warning:
        print(reader.warning, file=sys.stderr, flush=True)
    text = (
        f"{out}: {reader.frames_read:,} frames in {seconds:.1f} s ({reader.frames_read / seconds:.1f}/s), "
        f"{with_face:,} with a face; {_SOUND[sound]}."
    )
    print(json.dumps(done, ensure_ascii=False) if as_json else text, flush=True)
    return done


class _Looker:
    """What there is to say and to draw of each frame."""

    def __init__(self, model: SmileyClassifier | None, votes: float) -> None:
        self._model = model
        self._rate = votes
        self._votes: dict[FaceTrack, tuple[int, Vote]] = {}
        self._follower = FaceFollower()

    def look(self, frame: Frame) -> tuple[list[dict[str, Any]], list[Annotation]]:
        """The JSON rows and the marks of a frame's faces."""
        rows, marks = [], []
        self._votes = {track: vote for track, vote in self._votes.items() if track.alive}
        for face in self._follower.look(frame):
            try:
                row, mark = self._face(frame, face)
            except GeometryError:
                # Points in one place or without end: the network saw a face where no face can be.
                continue
            rows.append(row)
            marks.append(mark)
        return rows, marks

    def _face(self, frame: Frame, face: FollowedFace) -> tuple[dict[str, Any], Annotation]:
        height, width = frame.image.shape[:2]
        pose = pose_from_mesh(face.mesh.points)
        keypoints = keypoints_from_mesh(face.mesh.points)
        visible = keypoint_visibility(keypoints, pose, width, height)
        vote = self._vote(self._model, frame, face) if self._model else None
        named = zip(KEYPOINT_NAMES, keypoints.tolist(), strict=True)
        row: dict[str, Any] = {
            "track": face.track.number,
            "box": [round(value, 2) for value in face.box.as_list()],
            "score": round(face.detection.score, 4),
            "keypoints": {name: [round(x, 2), round(y, 2)] for name, (x, y) in named},
            "pose": {name: round(value, 1) for name, value in pose.as_dict().items()},
        }
        if vote is None or self._model is None:
            return row, Annotation(face.box, keypoints, (visible > 0).tolist())
        shares = vote.named(self._model.classes)
        winner = self._model.classes[vote.winner]
        row |= {
            "smiley": winner,
            "share": round(vote.score, 6),
            "shares": {name: round(share, 6) for name, share in shares.items()},
        }
        return row, Annotation(face.box, keypoints, (visible > 0).tolist(), winner, vote.score)

    def _vote(self, model: SmileyClassifier, frame: Frame, face: FollowedFace) -> Vote:
        """The face's vote: a new one when it is due, else its last."""
        slot = slot_of(frame.seconds, self._rate)
        last = self._votes.get(face.track)
        if last is None or last[0] != slot:
            last = slot, vote_on_face(model, frame.image, face.detection.points)
            self._votes[face.track] = last
        return last[1]


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is no number of votes a second between 0 and 1000")
    return value
