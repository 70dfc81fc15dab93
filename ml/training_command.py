"""``python -m ml train`` and ``evaluate``, from the command line. ``ml.cli`` adds them to its commands."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ml.artifacts import read_artifact
from ml.config import SCHEDULES, TrainConfig
from ml.nets.registry import ARCHITECTURES, BEST, architecture
from ml.progress import ProgressBar


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``train`` on its own parser. What is not given is the architecture's own."""
    parser.add_argument("task", choices=sorted(BEST))
    parser.add_argument(
        "--data", required=True, metavar="PATH",
        help="packed data set, .npz, CSV beside pictures; keypoints: Kaggle's CSV; unmask: a folder of faces",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="DIR", help="where the model goes")
    parser.add_argument(
        "--replace", action="store_true", help="train anew where another finished model is in --out"
    )
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), help="default: our best")
    parser.add_argument("--epochs", type=int)
    parser.add_argument(
        "--max-seconds", type=float, metavar="S", help="stop after the epoch that passes S seconds"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--schedule", choices=SCHEDULES)
    parser.add_argument("--loss", metavar="NAME", help="keypoints: smooth_l1, wing, mse; unmask: ssim_l1, …")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the network's input")
    parser.add_argument("--filters", type=_numbers, metavar="N,N,…", help="of a U-Net, from the outside in")
    parser.add_argument("--kernels", type=_numbers, metavar="N,N,…", help="as many")
    parser.add_argument("--warm-start", metavar="DIR", help="a model to start from, layer by layer")
    parser.add_argument("--balance", action="store_true", default=None, help="weigh rare classes up")
    parser.add_argument("--no-augment", dest="augment", action="store_false", default=None)
    parser.add_argument(
        "--full-precision", dest="mixed_precision", action="store_false", default=None,
        help="neither half precision nor XLA on a GPU",
    )  # fmt: skip
    parser.add_argument(
        "--split-by", choices=("person", "picture"), default="person",
        help="picture: people are not kept apart, to see how much that flatters (default: person)",
    )  # fmt: skip
    parser.add_argument("--onnx", action="store_true", default=None, help="write model.onnx, too")
    parser.add_argument("--json", action="store_true", help="one JSON line an epoch")
    parser.set_defaults(run=run_train)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


_SETTINGS = (
    "epochs", "max_seconds", "seed", "batch_size", "learning_rate", "schedule", "loss", "size", "filters", "kernels",
    "warm_start", "balance", "augment", "mixed_precision", "onnx",
)  # fmt: skip


def run_train(options: argparse.Namespace) -> int:
    """Train; 0 when done, 1 when it diverged."""
    from ml.data.sources import load_data
    from ml.train import TrainingDivergedError, check_shape, train

    given = {name: getattr(options, name) for name in _SETTINGS if getattr(options, name) is not None}
    config = TrainConfig.of(options.task, options.architecture, **given)
    size = config.size or architecture(config.architecture, config.task).size
    check_shape(config)  # before the pictures are looked at, which may take minutes
    bar = ProgressBar(config.epochs, as_json=options.json, seconds=config.max_seconds)
    data = load_data(config.task, options.data, size=size, seed=config.seed, notice=say, progress=bar.loading)
    if options.split_by == "picture":
        from ml.data.packed import divided_by_picture

        data = divided_by_picture(data, seed=config.seed)
    try:
        out = train(config, data, Path(options.out), bar, replace=options.replace)
    except TrainingDivergedError as error:
        say(str(error))
        return 1
    finally:
        bar.close()
    info = read_artifact(out)
    kept = info.training["history"][info.training["best_epoch"] - 1]
    figures = {name: value for name, value in kept.items() if name.startswith("validation_")}
    done = {
        "event": "done",
        "model": str(out),
        "epochs": info.training["epochs"],
        "best_epoch": info.training["best_epoch"],
        **figures,
        "seconds": info.training["seconds"],
        "classes": list(info.classes),
        "left_out": list(info.left_out),
    }
    if options.json:
        print(json.dumps(done, ensure_ascii=False), flush=True)
    else:
        told = ", ".join(f"{name.removeprefix('validation_')} {value:.4g}" for name, value in figures.items())
        print(
            f"{out}: {config.architecture}, {done['epochs']} epochs in {done['seconds']:.0f} s; epoch "
            f"{done['best_epoch']} is kept, on the validation people: {told}."
        )
    return 0


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``evaluate`` on its own parser."""
    parser.add_argument("--model", required=True, metavar="DIR")
    parser.add_argument("--data", required=True, metavar="PATH")
    parser.add_argument("--vote", action="store_true", help="smileys: 45 windows a picture, too")
    parser.add_argument("--confusion-matrix", metavar="PNG", type=Path)
    parser.add_argument("--curves", metavar="PNG", type=Path, help="how the model learnt")
    parser.add_argument("--report", metavar="HTML", type=Path, help="everything on one page")
    parser.add_argument("--faces", action="store_true", help="show people's faces in the report")
    parser.add_argument(
        "--random-split",
        metavar="DIR",
        help="a model trained with --split-by picture, to stand beside this one",
    )
    parser.add_argument(
        "--compare", nargs="?", const="", metavar="DIR",
        help="is it better beyond noise than that model, or without DIR than the most trivial baseline?",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Measure a model and print the figures."""
    from ml.data.sources import load_data
    from ml.evaluate import examine

    info = read_artifact(options.model)
    bar = ProgressBar(0, as_json=options.json)
    # With the training's own seed, so that data which is not packed is divided the same way again.
    data = load_data(
        info.task, options.data, size=info.input_size, seed=info.seed, notice=say, progress=bar.loading
    )
    evaluation = examine(options.model, data, vote=options.vote)
    result = evaluation.result
    if not result["same_data"]:
        say("These are other data than the model was trained on: make sure that no person is in both.")
    if options.random_split:
        from ml.data.packed import divided_by_picture

        apart = read_artifact(options.random_split)
        found = examine(options.random_split, divided_by_picture(data, seed=apart.seed)).result
        result["random_split"] = {**found, "seconds": apart.training.get("seconds")}
    if options.compare is not None:
        from ml.compare import compare, compare_with_baseline

        result["comparison"] = (
            compare(evaluation, examine(options.compare, data))
            if options.compare
            else compare_with_baseline(evaluation)
        )
    if options.report:
        from ml.report import write_report

        write_report(evaluation, options.report, faces=options.faces, at_random=result.get("random_split"))
    if options.confusion_matrix and info.task == "smiley":
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
    else:
        _tell(result)
    return 0


_NAMES = {
    "macro_f1": "macro-F1", "rmse": "RMSE (px)", "nme": "NME", "ssim": "SSIM", "psnr": "PSNR (dB)", "l1": "L1",
    "masked_ssim": "SSIM, masked", "masked_psnr": "PSNR, masked", "masked_l1": "L1, masked",
}  # fmt: skip


def _tell(result: dict[str, Any]) -> None:
    print(f"{result['samples']} pictures of {result['people']} people never seen")
    for name, (low, high) in ((n, i) for n, i in result["intervals"].items() if i):
        others = ", ".join(
            f"{row[name]:.3f} {baseline}" for baseline, row in result["baselines"].items() if name in row
        )
        print(
            f"  {_NAMES.get(name, name):16}{result[name]:9.4f}   95 %: {low:.4f} to {high:.4f}   ({others})"
        )
    for name, row in result.get("per_class", {}).items():
        print(
            f"  {name:16} recall {row['recall']:.3f}  precision {row['precision']:.3f}  of {row['support']}"
        )
    for name, row in result.get("per_point", {}).items():
        if row["nme"] is not None:
            print(f"  {name:26} {row['rmse']:7.2f} px   NME {row['nme']:.4f}")
    if "vote" in result:
        print(f"  45-window vote: accuracy {result['vote']['accuracy']:.4f}")


def say(message: str) -> None:
    """A notice, on standard error."""
    print(message, file=sys.stderr, flush=True)
