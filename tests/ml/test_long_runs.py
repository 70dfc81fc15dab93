"""What happens to runs that last: kills, little memory, a start from another model, and files for other programs."""

from dataclasses import replace

import numpy as np
import pytest

from ml.artifacts import ArtifactError, load_keras, read_artifact
from ml.config import ConfigError, TrainConfig
from ml.nets.registry import ARCHITECTURES, Architecture
from ml.predict import KeypointModel
from ml.train import train
from tests.ml.test_tasks import squares

ALL_OF_IT = TrainConfig(
    task="keypoints", architecture="tiny_points", epochs=3, batch_size=12, learning_rate=1e-2, views="full",
    ema=0.8, schedule="cosine", weight_decay=1e-4,
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    ARCHITECTURES["tiny_points"] = Architecture("keypoints", "tests.ml.tiny:tiny_points", 24, 1)
    yield
    del ARCHITECTURES["tiny_points"]


class Killed(BaseException):
    pass


def test_averages_schedules_and_views_go_on_where_they_were(tmp_path):
    """Moving average, cosine, AdamW's moments and every random view: a killed run ends at the same weights."""
    data = squares()
    whole = train(ALL_OF_IT, data, tmp_path / "whole")

    def kill(event):
        if event["event"] == "batch" and (event["epoch"], event["batch"]) == (3, 2):
            raise Killed

    with pytest.raises(Killed):
        train(ALL_OF_IT, data, tmp_path / "killed", kill)
    killed = train(ALL_OF_IT, data, tmp_path / "killed")
    one, other = (KeypointModel(place).answers(data.images[:6]) for place in (whole, killed))
    assert np.array_equal(one, other)


def test_memory_that_runs_out_halves_the_batch_once_and_says_so(tmp_path):
    from ml.data.batches import Batches

    original, large = Batches.__getitem__, []

    def hungry(self, index):
        batch = original(self, index)
        if isinstance(batch[0], dict) and len(batch[0]["image"]) > limit:
            large.append(len(batch[0]["image"]))
            raise MemoryError
        return batch

    said = []
    Batches.__getitem__ = hungry
    try:
        limit = 6
        out = train(replace(ALL_OF_IT, epochs=1), squares(), tmp_path / "out", said.append)
        limit = 2
        with pytest.raises(ConfigError, match=r"not hold 6 pictures a step either.*--batch-size"):
            train(replace(ALL_OF_IT, epochs=1), squares(), tmp_path / "never")
    finally:
        Batches.__getitem__ = original
    assert any("12 pictures a step; going on with 6" in event.get("message", "") for event in said)
    assert read_artifact(out).training["batch_size"] == 6


def test_a_run_starts_from_the_layers_that_fit(tmp_path):
    base = replace(ALL_OF_IT, epochs=1, ema=0.0, weight_decay=0.0)
    first = train(base, squares(), tmp_path / "first")
    said = []
    still = replace(base, warm_start=str(first), learning_rate=1e-6, seed=5)
    second = train(still, squares(), tmp_path / "second", said.append)
    assert any("layers fit and are taken over" in event.get("message", "") for event in said)
    one, other = (load_keras(place).get_layer("one_conv").get_weights()[0] for place in (first, second))
    assert np.allclose(one, other, atol=1e-3)
    with pytest.raises(ArtifactError, match="no finished model"):
        train(replace(base, warm_start=str(tmp_path / "nothing")), squares(), tmp_path / "third")


def test_layers_are_taken_by_name_and_shape(tmp_path):
    from ml.learner import transfer

    points, faces = ARCHITECTURES["smielfy_points"].build(15), ARCHITECTURES["smielfy_faces"].build(5)
    taken, total = transfer(faces, points)
    assert 16 <= taken < total
    for name in ("stem_conv", "coarse_a_conv"):
        assert np.array_equal(faces.get_layer(name).get_weights()[0], points.get_layer(name).get_weights()[0])


def test_what_others_can_run_answers_the_same(tmp_path):
    from onnx import load
    from onnx.reference import ReferenceEvaluator

    data = squares()
    out = train(replace(ALL_OF_IT, epochs=1, onnx=True, flip_test=True), data, tmp_path / "out")
    assert "model.onnx" in read_artifact(out).files
    seen = data.images[:3].astype(np.float32)
    (given,) = ReferenceEvaluator(load(out / "model.onnx")).run(None, {"image": seen})
    assert np.abs(given - np.asarray(load_keras(out)(seen))).max() < 1e-3


def test_curves_are_there_for_tensorboard(tmp_path):
    import tensorflow as tf
    from tensorflow.core.util.event_pb2 import Event

    out = train(replace(ALL_OF_IT, epochs=2), squares(), tmp_path / "out")
    (file,) = out.glob("*tfevents*")
    events = [Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    rows = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    history = read_artifact(out).training["history"]
    assert rows[1, "loss"] == pytest.approx(history[0]["loss"])
    assert rows[2, "validation_rmse"] == pytest.approx(history[1]["validation_rmse"])


def test_a_run_says_on_what_it_ran(tmp_path):
    training = read_artifact(train(replace(ALL_OF_IT, epochs=1), squares(), tmp_path / "out")).training
    assert training["device"] in ("CPU", "GPU")
    assert training["precision"]
    assert training["people"] == {"train": 12, "validation": 4}
    assert training["cpu_seconds"] > 0


def test_no_better_result_for_long_ends_the_run(tmp_path):
    config = replace(ALL_OF_IT, epochs=50, learning_rate=1e-9, ema=0.0, stop_patience=2, augment=False)
    info = read_artifact(train(config, squares(), tmp_path / "out"))
    assert info.training["epochs"] < 50


def test_recipes_are_the_published_ones_and_can_be_overruled():
    config = TrainConfig.of("keypoints", "inception_lite", epochs=3)
    assert (config.learning_rate, config.batch_size, config.epochs) == (3e-3, 64, 3)
    assert (config.plateau_factor, config.patience, config.least_rate) == (0.8, 25, 1e-5)
    config = TrainConfig.of("keypoints", "conv_head")
    assert (config.learning_rate, config.batch_size, config.epochs, config.augment) == (1e-4, 50, 250, False)
    for task, name, settings in (
        ("keypoints", "unet", {}),
        ("dance", None, {}),
        ("unmask", None, {"sizes": 3}),
    ):
        with pytest.raises(ConfigError):
            TrainConfig.of(task, name, **settings)
    for settings in ({"schedule": "x"}, {"clock": "x"}, {"filters": (1, 2), "kernels": (3,)}, {"ema": 1.0}):
        with pytest.raises(ConfigError):
            TrainConfig(**settings)


def test_half_precision_with_xla_learns_too(tmp_path):
    """As on a GPU: every view, the loss and the network compile, and the weights stay finite and are kept in full."""
    import keras

    from ml.checkpoints import Checkpoints
    from ml.loop import Run
    from ml.tasks import choose_task

    config = replace(ALL_OF_IT, epochs=2)
    data = squares()
    run = Run(
        config,
        data,
        choose_task(config, data),
        ARCHITECTURES["tiny_points"],
        Checkpoints(tmp_path),
        lambda e: None,
    )
    run.on_gpu = True
    net = run.to_end()
    assert keras.config.dtype_policy().name == "float32"
    assert {str(weight.dtype) for weight in net.weights} == {"float32"}
    assert all(np.isfinite(weight).all() for weight in net.get_weights())
    assert run.progress.history[1]["loss"] < run.progress.history[0]["loss"]


def test_a_network_that_answers_nan_is_no_artifact(tmp_path):
    from ml.artifacts import INFO, ArtifactInfo, write_artifact
    from tests.ml.tiny import tiny_net

    net = tiny_net(3, size=16, channels=3)
    net.set_weights([np.full_like(weight, np.nan) for weight in net.get_weights()])
    info = ArtifactInfo("smiley", "tiny", ("a", "b", "c"), 16, 3, 0, {}, "")
    with pytest.raises(ArtifactError, match="not written"):
        write_artifact(tmp_path / "out", net, info)
    assert not (tmp_path / "out" / INFO).exists()
