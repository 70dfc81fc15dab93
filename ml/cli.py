"""The command line of the library: ``python -m ml faces|mask|train|evaluate|predict|annotate-video``.

With ``--json`` standard output holds JSON lines and nothing else; progress and notices go to standard error.
Exit codes: 0 done; 1 done, but not for every picture, or a training that diverged; 2 asked for what cannot be; 130
interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml import video_command
from ml.artifacts import ArtifactError, read_artifact
from ml.config import ConfigError, TrainConfig
from ml.data.manifest import DataError
from ml.faces.analyse import Analysis, FaceAnalyser
from ml.faces.assets import MissingModelError
from ml.masks import command as mask_command
from ml.nets.registry import ARCHITECTURES, BEST, architecture
from ml.pictures import UnreadablePicture, read_picture
from ml.progress import ProgressBar


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    # Said before TensorFlow or LiteRT load: their chatter is no news to whoever trains a network.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        return int(options.run(options))
    except (ConfigError, DataError, ArtifactError, MissingModelError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(
            f"{error.filename or 'A file'}: {error.strerror or error}. Is there room, may it be written?"
        )
    except KeyboardInterrupt:
        _say("Interrupted; the same command goes on where this one stopped.")
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

    defaults = TrainConfig()
    train = commands.add_parser("train", help="train a network")
    train.add_argument("task", choices=sorted(BEST))
    train.add_argument(
        "--data", required=True, metavar="PATH", help="packed data set, .npz, or CSV beside pictures"
    )
    train.add_argument("--out", required=True, metavar="DIR", help="where the model goes")
    train.add_argument("--architecture", choices=sorted(ARCHITECTURES), help="default: our best")
    train.add_argument("--epochs", type=int, default=defaults.epochs)
    train.add_argument(
        "--max-seconds", type=float, metavar="S", help="stop after the epoch that passes S seconds"
    )
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--batch-size", type=int, default=defaults.batch_size)
    train.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    train.add_argument("--balance", action="store_true", help="weigh rare classes up")
    train.add_argument("--json", action="store_true", help="one JSON line an epoch")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="measure a model on people it never saw")
    evaluate.add_argument("--model", required=True, metavar="DIR")
    evaluate.add_argument("--data", required=True, metavar="PATH")
    evaluate.add_argument("--confusion-matrix", metavar="PNG", type=Path)
    evaluate.add_argument("--curves", metavar="PNG", type=Path, help="how the model learnt")
    evaluate.add_argument("--json", action="store_true", help="one JSON object")
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="what a model says of the face in a picture")
    predict.add_argument("--model", required=True, metavar="DIR")
    predict.add_argument("pictures", nargs="+", metavar="PICTURE")
    predict.add_argument("--json", action="store_true", help="one JSON line a picture")
    predict.set_defaults(run=_predict)

    mask = commands.add_parser("mask", help="put synthetic face masks on photos")
    mask_command.add_arguments(mask)
    mask.set_defaults(run=mask_command.run)
    annotate = commands.add_parser("annotate-video", help="draw faces, keypoints and smileys into a video")
    video_command.add_arguments(annotate)
    annotate.set_defaults(run=video_command.run)
    return parser


def _faces(options: argparse.Namespace) -> int:
    analyser = FaceAnalyser()

    def look(file: str) -> dict[str, Any]:
        return describe(analyser.analyse(read_picture(file)))

    def lines(row: Mapping[str, Any]) -> str:
        found = [
            f"face {i}: box {' '.join(f'{v:.0f}' for v in face['box'])}, score {face['score']:.2f}, "
            f"yaw {face['pose']['yaw']:.0f}°" + (f", {', '.join(face['flags'])}" if face["flags"] else "")
            for i, face in enumerate(row["faces"], start=1)
        ]
        return f"{row['file']}: " + ("; ".join(found) or "no face")

    return _each_picture(options, look, lines)


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
    from ml.predict import SmileyClassifier

    analyser, model = FaceAnalyser(), SmileyClassifier(options.model)

    def look(file: str) -> dict[str, Any]:
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

    return _each_picture(options, look, lines)


def _each_picture(options: argparse.Namespace, look: Any, lines: Any) -> int:
    """One line a picture; a bad one gets its own and does not stop the others."""
    failed = False
    for file in options.pictures:
        try:
            row = {"file": file, **look(file)}
        except UnreadablePicture as error:
            failed = True
            if options.json:
                print(json.dumps({"file": file, "error": str(error)}, ensure_ascii=False), flush=True)
            else:
                _say(str(error))
            continue
        print(json.dumps(row, ensure_ascii=False) if options.json else lines(row), flush=True)
    return 1 if failed else 0


def _train(options: argparse.Namespace) -> int:
    from ml.data.sources import load_smiley_data
    from ml.train import TrainingDivergedError, train

    config = TrainConfig(
        task=options.task,
        architecture=options.architecture or BEST[options.task],
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        max_seconds=options.max_seconds,
        seed=options.seed,
        balance=options.balance,
    )
    size = architecture(config.architecture, config.task).size
    bar = ProgressBar(config.epochs, as_json=options.json)
    data = load_smiley_data(options.data, size=size, seed=config.seed, notice=_say, progress=bar.loading)
    try:
        out = train(config, data, Path(options.out), bar)
    except TrainingDivergedError as error:
        _say(str(error))
        return 1
    finally:
        bar.close()
    info = read_artifact(out)
    done = {
        "event": "done",
        "model": str(out),
        "epochs": info.training["epochs"],
        "best_epoch": info.training["best_epoch"],
        "validation_accuracy": info.training["history"][info.training["best_epoch"] - 1][
            "validation_accuracy"
        ],
        "seconds": info.training["seconds"],
        "classes": list(info.classes),
        "left_out": list(info.left_out),
    }
    if options.json:
        print(json.dumps(done, ensure_ascii=False), flush=True)
    else:
        print(
            f"{out}: {config.architecture}, {done['epochs']} epochs in {done['seconds']:.0f} s; epoch "
            f"{done['best_epoch']} is kept, right on {done['validation_accuracy']:.1%} of the validation pictures."
        )
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from ml.data.sources import load_smiley_data
    from ml.evaluate import evaluate

    info = read_artifact(options.model)
    bar = ProgressBar(0, as_json=options.json)
    # With the training's own seed, so that data which is not packed is divided the same way again.
    data = load_smiley_data(
        options.data, size=info.input_size, seed=info.seed, notice=_say, progress=bar.loading
    )
    result = evaluate(options.model, data)
    if not result["same_data"]:
        _say("These are other data than the model was trained on: make sure that no person is in both.")
    if options.confusion_matrix:
        from ml.plots import confusion_matrix_png

        title = f"{result['people']} people never seen: {result['accuracy']:.0%} of {result['samples']} right"
        confusion_matrix_png(
            result["confusion_matrix"], result["classes"], options.confusion_matrix, title=title
        )
    if options.curves:
        from ml.plots import training_curves_png

        training_curves_png(info.training["history"], options.curves, best_epoch=info.training["best_epoch"])
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    print(
        f"{result['samples']} pictures of {result['people']} people never seen: accuracy {result['accuracy']:.3f}, "
        f"macro-F1 {result['macro_f1']:.3f}, calibration error {result['calibration_error']:.3f}"
    )
    for name, row in result["per_class"].items():
        print(
            f"  {name:16} recall {row['recall']:.3f}  precision {row['precision']:.3f}  of {row['support']}"
        )
    return 0


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _refuse(message: str) -> int:
    _say(message)
    return 2
