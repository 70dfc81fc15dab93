"""The model card: what a model is, what it learnt from and what it must not be used for, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.artifacts import ArtifactInfo

_WHAT = {
    "smiley": "Says which smiley a face imitates: a face that somebody makes on purpose for the camera.",
    "keypoints": "Places fifteen points on a face: eyes, brows, nose and mouth.",
    "unmask": "Imagines a face without its mask. What it shows under the mask is invented and is nobody's face.",
}
_OUTPUT = {
    "smiley": "one probability a class, in the order of `classes` in artifact.json",
    "keypoints": "15 points (x, y) in pixels of the input, in the order of Kaggle's “Facial Keypoints Detection”",
    "unmask": "the picture, 0 to 255; if there is a fourth channel, it says how much of a pixel was invented",
}
_NOT_FOR = (
    "It infers nothing about feelings, and it must not be used to judge people by their faces.",
    "It does not recognise who somebody is, and nothing of a face is kept in it on purpose.",
    "It knows the people and the light of its training pictures. On others it is worse; measure before relying on it.",
)


def model_card(info: ArtifactInfo) -> str:
    """Markdown, from what the artifact says of itself."""
    training = info.training
    lines = [
        f"# {info.architecture} for {info.task}",
        "",
        _WHAT.get(info.task, ""),
        "",
        "## In and out",
        "",
        f"- In: a face, float32 [1, {info.input_size}, {info.input_size}, {info.channels}], 0 to 255, cut out and"
        " turned upright as `ml.faces.crop.align` does it (or as the training pictures were). Preprocessing is inside.",
        f"- Out: {_OUTPUT.get(info.task, '')}.",
        "- Files: `model.keras` to go on training, `model.tflite` for LiteRT, `model.onnx` for other runtimes where it"
        " was written; SHA-256 of each in artifact.json.",
        "",
        "## What it learnt from",
        "",
        *_learnt_from(info),
    ]
    if info.task == "smiley":
        lines.append(f"- Classes: {', '.join(info.classes)}.")
    if info.left_out:
        lines.append(f"- Left out, with too few people: {', '.join(info.left_out)}.")
    lines += [
        "",
        "## How",
        "",
        f"- {training.get('parameters', 0):,} parameters; {training.get('epochs', 0)} epochs in"
        f" {training.get('seconds', 0):.0f} s on {training.get('device', '?')} in {training.get('precision', '?')};"
        f" the network of epoch {training.get('best_epoch', 0)} is kept.",
        *_kept(training),
        f"- Seed {info.seed}; every setting, the package versions and the code's revision are in artifact.json.",
        "- Figures on people it never saw are not in here: `python -m ml evaluate` measures them.",
        "",
        "## What it is not for",
        "",
        *(f"- {sentence}" for sentence in _NOT_FOR),
    ]
    return "\n".join(lines) + "\n"


def _learnt_from(info: ArtifactInfo) -> list[str]:
    training = info.training
    data = f"- Data set {info.data_hash[:16]}…"
    pictures, people = (
        {name: training.get(what, {}).get(name, "?") for name in ("train", "validation")}
        for what in ("pictures", "people")
    )
    if training.get("split_by") == "picture":
        lines = [
            f"{data}: {pictures['train']} pictures; chosen by {pictures['validation']} others.",
            "- People were not kept apart: pictures of one person may be on both sides, which flatters every figure.",
        ]
    else:
        lines = [
            f"{data}: {pictures['train']} pictures of {people['train']} people; chosen by {pictures['validation']}"
            f" pictures of {people['validation']} others."
        ]
    if begun := training.get("warm_start"):
        lines.append(f"- Begun with a model of data set {begun['data_hash'][:16]}….")
    return lines


def _kept(training: Mapping[str, Any]) -> list[str]:
    history, best = training.get("history", []), training.get("best_epoch", 0)
    if not 0 < best <= len(history):
        return []
    figures = {k: v for k, v in history[best - 1].items() if k.startswith("validation_")}
    told = ", ".join(
        f"{name.removeprefix('validation_').replace('_', ' ')} {value:.4g}" for name, value in figures.items()
    )
    return [f"- On the people it was chosen by: {told}. That flatters it."]
