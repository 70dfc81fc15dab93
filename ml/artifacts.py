"""The artifact directory: what a training run leaves, and all that serving needs.

    model.keras     the network with its weights, to train on or look into
    model.tflite    the same for serving, float32 [1, S, S, C] in 0…255 → probabilities [1, classes]
    model.onnx      the same for other runtimes, any number of pictures at a time; not where it was declined
    card.md         what it is and is not for, in words
    artifact.json   what it is: task, architecture, classes, input, config, data, versions, checksums of the models

``artifact.json`` is written last: a directory without it is not finished. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ml.config import TrainConfig
from ml.durable import write_aside
from ml.litert import LiteRTModel

FORMAT_VERSION = 1
INFO = "artifact.json"
KERAS_MODEL = "model.keras"
LITERT_MODEL = "model.tflite"
ONNX_MODEL = "model.onnx"
CARD = "card.md"

_PACKAGES = (
    "keras",
    "tensorflow",
    "tf2onnx",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
    "scikit-learn",
    "Pillow",
)


class ArtifactError(ValueError):
    """The directory holds no usable model; the sentence says what would help."""


@dataclass(frozen=True)
class ArtifactInfo:
    """What is known about a trained model.

    Attributes:
        task, architecture: what it is.
        classes: names of its outputs, in order.
        input_size, channels: what it takes.
        seed, config: how it was trained.
        data_hash: of the data set it was trained on.
        left_out: classes of that data set that had too few people.
        training: epochs run, best epoch, seconds, and the history of each epoch.
        packages: version of everything that could change the outcome.
        code_revision: of this code, where known.
        files: file name → SHA-256.
        format_version: of this description.
    """

    task: str
    architecture: str
    classes: tuple[str, ...]
    input_size: int
    channels: int
    seed: int
    config: Mapping[str, Any]
    data_hash: str
    left_out: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    code_revision: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def train_config(self) -> TrainConfig:
        """The config it was trained with."""
        return TrainConfig.from_dict(self.config)


def read_artifact(directory: str | os.PathLike[str], *, verify: bool = True) -> ArtifactInfo:
    """Read and check an artifact directory.

    Args:
        directory: as ``ml.train.train`` returns it.
        verify: compare the checksums of the model files.

    Raises:
        ArtifactError: not finished, of a later format, or changed since.
    """
    directory = Path(directory)
    try:
        values = json.loads((directory / INFO).read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"{directory} holds no finished model: name the --out of a training run."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{directory / INFO} is damaged ({error}): train again.") from None
    if not isinstance(values, dict) or not isinstance(values.get("format_version"), int):
        raise ArtifactError(f"{directory / INFO} is no description of a model: train again.")
    if values["format_version"] > FORMAT_VERSION:
        raise ArtifactError(
            f"{directory} has format {values['format_version']}, newer than this version reads: update Smielfy."
        )
    try:
        values["classes"], values["left_out"] = tuple(values["classes"]), tuple(values["left_out"])
        info = ArtifactInfo(**values)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{directory / INFO} is damaged ({error}): train again.") from None
    for name, expected in info.files.items() if verify else ():
        file = directory / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise ArtifactError(f"{file} is missing or was changed after training: train again.")
    return info


def write_artifact(directory: Path, model: Any, info: ArtifactInfo, *, onnx: bool = False) -> ArtifactInfo:
    """Write the model and its description. Imports TensorFlow.

    Args:
        directory: made if it is not there.
        model: a keras.Model in float32.
        info: its description; ``packages``, ``code_revision`` and ``files`` are filled in here.
        onnx: write that file, too; it takes some seconds.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / INFO).unlink(missing_ok=True)
    keras_aside = directory / f".{KERAS_MODEL}.aside.keras"
    model.save(keras_aside)
    keras_aside.replace(directory / KERAS_MODEL)
    write_aside(directory / LITERT_MODEL, to_litert(model))
    _compare(model, directory / LITERT_MODEL)
    names = [KERAS_MODEL, LITERT_MODEL]
    if onnx:
        write_aside(directory / ONNX_MODEL, to_onnx(model))
        names.append(ONNX_MODEL)
    from ml.card import model_card

    write_aside(directory / CARD, model_card(info).encode())
    values = asdict(info) | {
        "packages": package_versions(),
        "code_revision": code_revision(),
        "files": {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in names},
    }
    write_aside(directory / INFO, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
    return read_artifact(directory)


def load_keras(directory: str | os.PathLike[str]) -> Any:
    """The trained network itself, to go on from. Imports TensorFlow.

    Raises:
        ArtifactError: no usable model.
    """
    read_artifact(directory)
    import keras

    # Layers of our own are registered by name.
    import ml.nets.blocks
    import ml.nets.mirrored
    import ml.nets.smiley
    import ml.nets.unmask  # noqa: F401

    return keras.saving.load_model(Path(directory) / KERAS_MODEL, compile=False)


def to_litert(model: Any) -> bytes:
    """A Keras model as a ``.tflite`` for one picture at a time. Imports TensorFlow.

    One picture, because a fixed shape is what LiteRT's fast path and the browser want. Through the converter
    itself: ``model.export(format="litert")`` fails on batch normalisation.
    """
    import tensorflow as tf

    shape = (1, *model.inputs[0].shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])  # type: ignore[untyped-decorator]
    def serve(image: Any) -> Any:
        return model(image, training=False)

    # The converter freezes only variables that hang on a tf.Module: given the Keras model itself it leaves
    # them out, silently, and the file answers NaN.
    holder = tf.Module()
    holder.variables_of_model = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], holder)
    return bytes(converter.convert())


def to_onnx(model: Any) -> bytes:
    """A Keras model as ONNX, opset 17. Imports TensorFlow."""
    import tensorflow as tf
    import tf2onnx

    shape = (None, *model.inputs[0].shape[1:])
    signature = (tf.TensorSpec(shape, tf.float32, name="image"),)
    serve = tf.function(lambda image: model(image, training=False), input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(serve, input_signature=signature, opset=17)
    return bytes(proto.SerializeToString())


def _compare(model: Any, litert: Path) -> None:
    """Refuse an artifact whose two files disagree: what was measured has to be what is served."""
    side, _, channels = model.inputs[0].shape[1:]
    noise = np.random.default_rng(0).uniform(0, 255, (4, side, side, channels)).astype(np.float32)
    wanted = np.asarray(model.predict(noise, verbose=0))
    served = LiteRTModel(litert)
    given = np.concatenate([served(noise[i : i + 1])[0] for i in range(len(noise))])
    # Probabilities reach 1, positions the side of the picture, pictures 255.
    worst = float(np.abs(wanted - given).max()) / max(1.0, float(np.abs(wanted).max()))
    if not worst < 1e-3:
        raise ArtifactError(f"The serving file differs from the trained network by {worst:.2g}; not written.")


def package_versions() -> dict[str, str]:
    """The versions of what could change the outcome of a training."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def code_revision() -> str | None:
    """The commit of this code, with ``+changes`` where files differ from it; None outside a repository."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(here, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
