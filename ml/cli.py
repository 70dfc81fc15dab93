"""The command line of the library: ``python -m ml faces|mask|unmask|try|train|evaluate|predict|annotate-video``.

With ``--json`` standard output holds JSON lines and nothing else; progress and notices go to standard error.
Exit codes: 0 done; 1 done, but not for every picture, or a training that diverged; 2 asked for what cannot be; 130
interrupted; 141 nobody reads what is printed any more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ml import training_command, try_command, unmask_command, video_command
from ml.artifacts import ArtifactError, read_artifact
from ml.config import ConfigError
from ml.data.packed import KEYPOINTS, DataError
from ml.each_picture import each_picture
from ml.faces.analyse import Analysis, FaceAnalyser
from ml.faces.assets import MissingModelError
from ml.landmarks import KEYPOINT_NAMES
from ml.masks import command as mask_command
from ml.pictures import read_picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    # Said before TensorFlow or LiteRT load: their chatter is no news to whoever trains a network.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # What is still to be printed would be tried once more at exit, and told with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ConfigError, DataError, ArtifactError, MissingModelError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(
            f"{error.filename or 'A file'}: {error.strerror or error}. Is there room, may it be written?"
        )
    except KeyboardInterrupt:
        trains = options.run is training_command.run_train
        _say("Interrupted; the same command goes on where this one stopped." if trains else "Interrupted.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml", description="Faces, keypoints and smileys in pictures."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    faces = commands.add_parser("faces", help="find faces, keypoints, pose and flags")
    faces.add_argument("pictures", nargs="+", metavar="PICTURE")
    faces.add_argument("--json", action="store_true", help="one JSON line a picture")
    faces.set_defaults(run=_faces)

    train = commands.add_parser("train", help="train a network")
    training_command.add_train_arguments(train)

    evaluate = commands.add_parser("evaluate", help="measure a model on people it never saw")
    training_command.add_evaluate_arguments(evaluate)

    predict = commands.add_parser("predict", help="what a model says of the face in a picture")
    predict.add_argument("--model", required=True, metavar="DIR")
    predict.add_argument("pictures", nargs="+", metavar="PICTURE")
    predict.add_argument("--json", action="store_true", help="one JSON line a picture")
    predict.set_defaults(run=_predict)

    mask = commands.add_parser("mask", help="put synthetic face masks on photos")
    mask_command.add_arguments(mask)
    mask.set_defaults(run=mask_command.run)
    unmask = commands.add_parser("unmask", help="let a network imagine faces without their masks")
    unmask_command.add_arguments(unmask)
    unmask.set_defaults(run=unmask_command.run)
    tried = commands.add_parser("try", help="points, smiley, mask on and mask off, of one picture")
    try_command.add_arguments(tried)
    annotate = commands.add_parser("annotate-video", help="draw faces, keypoints and smileys into a video")
    video_command.add_arguments(annotate)
    annotate.set_defaults(run=video_command.run)
    return parser


def _faces(options: argparse.Namespace) -> int:
    analyser = FaceAnalyser()

    def look(file: str, name: str) -> dict[str, Any]:
        return describe(analyser.analyse(read_picture(file)))

    def lines(row: Mapping[str, Any]) -> str:
        found = [
            f"face {i}: box {' '.join(f'{v:.0f}' for v in face['box'])}, score {face['score']:.2f}, "
            f"yaw {face['pose']['yaw']:.0f}°" + (f", {', '.join(face['flags'])}" if face["flags"] else "")
            for i, face in enumerate(row["faces"], start=1)
        ]
        return f"{row['file']}: " + ("; ".join(found) or "no face")

    return each_picture(options, look, lines)


def describe(analysis: Analysis) -> dict[str, Any]:
    """An analysis as the JSON values that ``faces --json`` prints, without the file's name."""
    faces = []
    for index, face in enumerate(analysis.faces):
        faces.append(
            {
                "box": [round(value, 2) for value in face.box.as_list()],
                "score": round(face.score, 4),
                "keypoints": {
                    name: [round(x, 2), round(y, 2)] for name, (x, y) in face.named_keypoints().items()
                },
                "pose": {name: round(value, 1) for name, value in face.pose.as_dict().items()},
                # What holds for the picture as a whole is said of its subject.
                "flags": {
                    name: round(value, 3) for name, value in (face.flags if index else analysis.flags).items()
                },
            }
        )
    return {"width": analysis.width, "height": analysis.height, "faces": faces}


def _predict(options: argparse.Namespace) -> int:
    task = read_artifact(options.model).task
    return (_predict_points if task == KEYPOINTS else _predict_smiley)(options)


def _predict_smiley(options: argparse.Namespace) -> int:
    from ml.predict import SmileyClassifier

    analyser, model = FaceAnalyser(), SmileyClassifier(options.model)

    def look(file: str, name: str) -> dict[str, Any]:
        image = read_picture(file)
        subject = analyser.analyse(image).subject
        if subject is None:
            return {"smiley": None, "probabilities": None}
        spread = model.predict_one(subject.crop(image))
        return {
            "smiley": next(iter(spread)),
            "probabilities": {name: round(share, 6) for name, share in spread.items()},
        }

    def lines(row: Mapping[str, Any]) -> str:
        if row["smiley"] is None:
            return f"{row['file']}: no face"
        best = list(row["probabilities"].items())[:3]
        return f"{row['file']}: " + ", ".join(f"{name} {share:.0%}" for name, share in best)

    return each_picture(options, look, lines)


def _predict_points(options: argparse.Namespace) -> int:
    from ml.predict import KeypointModel

    analyser, model = FaceAnalyser(), KeypointModel(options.model)

    def look(file: str, name: str) -> dict[str, Any]:
        image = read_picture(file)
        subject = analyser.analyse(image).subject
        if subject is None:
            return {"keypoints": None}
        size = model.input_size
        found = model.predict(subject.crop(image, size)[None])[0]
        places = subject.transform_for(size).inverse().apply(found)
        return {
            "keypoints": {
                name: [round(float(x), 2), round(float(y), 2)]
                for name, (x, y) in zip(KEYPOINT_NAMES, places, strict=True)
            }
        }

    def lines(row: Mapping[str, Any]) -> str:
        points = row["keypoints"]
        if points is None:
            return f"{row['file']}: no face"
        return f"{row['file']}: " + ", ".join(f"{name} {x:.0f} {y:.0f}" for name, (x, y) in points.items())

    return each_picture(options, look, lines)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _refuse(message: str) -> int:
    _say(message)
    return 2
