"""A real artifact with a network too small to have learnt anything: enough to be asked."""

import hashlib
import json
import shutil

import numpy as np

from ml.artifacts import ArtifactInfo, to_litert, write_artifact


def write_small_model(folder, classes=("bar", "dot", "ring"), size=48):
    import keras

    from tests.ml.tiny import tiny_net

    keras.utils.set_random_seed(3)
    info = ArtifactInfo(
        task="smiley",
        architecture="tiny_net",
        classes=tuple(classes),
        input_size=size,
        channels=3,
        seed=3,
        config={},
        data_hash="",
    )
    write_artifact(folder, tiny_net(len(classes), size=size, channels=3), info)
    return folder


def write_small_placer(folder, size=32):
    """It puts all points into the middle, whatever it sees."""
    import keras

    inputs = keras.Input((size, size, 1), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="mean")(inputs)
    x = keras.layers.Dense(
        30,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant((size - 1) / 2),
        name="points",
    )(x)
    outputs = keras.layers.Reshape((15, 2), name="pairs")(x)
    info = ArtifactInfo(
        task="keypoints", architecture="middle", classes=(), input_size=size, channels=1, seed=0, config={},
        data_hash="",
    )  # fmt: skip
    write_artifact(folder, keras.Model(inputs, outputs), info)
    return folder


def write_small_unmasker(folder, size=32):
    """It paints what it takes for a mask, which is everything, a little greyer."""
    import keras

    inputs = keras.Input((size, size, 3), name="image")
    outputs = keras.layers.Rescaling(0.5, 64, name="greyer")(inputs)
    info = ArtifactInfo(
        task="unmask",
        architecture="greyer",
        classes=(),
        input_size=size,
        channels=3,
        seed=0,
        config={},
        data_hash="",
    )
    write_artifact(folder, keras.Model(inputs, outputs), info)
    return folder


def with_nan(artifact, folder):
    """A copy whose serving file answers with NaN, described as if it had been trained so."""
    import keras

    model = keras.saving.load_model(artifact / "model.keras", compile=False)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    shutil.copytree(artifact, folder)
    (folder / "model.tflite").write_bytes(to_litert(model))
    info = json.loads((folder / "artifact.json").read_text())
    info["files"]["model.tflite"] = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    (folder / "artifact.json").write_text(json.dumps(info))
    return folder
