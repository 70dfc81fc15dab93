"""From data to a served model: it learns, resumes, says what went wrong, and what is served is what was measured."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from ml.artifacts import ArtifactError, read_artifact
from ml.checkpoints import Checkpoints
from ml.config import ConfigError, TrainConfig
from ml.data.manifest import DataError, pack
from ml.data.packed import divided_by_picture
from ml.evaluate import evaluate
from ml.metrics import calibration_error, classification_metrics
from ml.nets.registry import ARCHITECTURES, BEST, Architecture, architecture
from ml.pictures import resize_squares
from ml.predict import SmileyClassifier
from ml.train import TrainingDivergedError, train
from tests.ml.conftest import shapes

CONFIG = TrainConfig(architecture="tiny", epochs=25, batch_size=10, learning_rate=5e-3)


TINY = replace(CONFIG, epochs=3)


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    ARCHITECTURES["tiny"] = Architecture("smiley", "tests.ml.tiny:tiny_net", 16, 3)
    yield
    del ARCHITECTURES["tiny"]


@pytest.fixture(scope="module")
def events():
    return []


@pytest.fixture(scope="module")
def model(tmp_path_factory, drawn_faces, events):
    return train(CONFIG, drawn_faces, tmp_path_factory.mktemp("model") / "out", events.append)


def test_it_learns_what_tells_the_classes_apart(model, drawn_faces):
    result = evaluate(model, drawn_faces)
    assert result["accuracy"] > 0.8
    assert result["macro_f1"] > 0.8
    assert set(result["per_class"]) == {"bar", "dot", "ring"}
    assert sum(map(sum, result["confusion_matrix"])) == result["samples"] == 16
    assert result["people"] == 4
    assert result["same_data"] is True
    assert 0 <= result["calibration_error"] <= 1
    json.dumps(result)


def test_each_epoch_is_reported(model, events):
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [event["epoch"] for event in epochs] == list(range(1, len(epochs) + 1))
    assert {"epochs", "loss", "validation_accuracy", "validation_loss"} <= set(epochs[0])
    assert epochs[-1]["loss"] < epochs[0]["loss"]


def test_the_artifact_says_what_it_is(model, drawn_faces):
    info = read_artifact(model)
    assert (info.task, info.architecture, info.input_size, info.channels) == ("smiley", "tiny", 16, 3)
    assert info.classes == ("bar", "dot", "ring")
    assert info.train_config() == CONFIG
    assert info.data_hash == drawn_faces.data_hash
    assert {"keras", "tensorflow", "python"} <= set(info.packages)
    assert len(info.training["history"]) == info.training["epochs"]
    assert sorted(path.name for path in model.iterdir()) == [
        "artifact.json",
        "card.md",
        "events.out.tfevents.curves",
        "model.keras",
        "model.tflite",
    ]


def test_keras_and_the_serving_file_agree(model, drawn_faces):
    import keras

    crops = drawn_faces.images[:12]
    seen = resize_squares(crops, 16).astype(np.float32)
    wanted = keras.saving.load_model(model / "model.keras").predict(seen, verbose=0)
    given = SmileyClassifier(model).predict(crops)
    assert given.shape == (12, 3)
    assert given.dtype == np.float32
    assert np.abs(given - wanted).max() < 1e-4
    assert np.allclose(given.sum(axis=1), 1, atol=1e-5)


def test_crops_of_any_size_and_grey_are_taken(model, drawn_faces):
    classifier = SmileyClassifier(model)
    small = drawn_faces.images[:3]
    large = np.repeat(np.repeat(small, 4, axis=1), 4, axis=2)
    assert np.allclose(classifier.predict(large), classifier.predict(small), atol=1e-5)
    assert classifier.predict(small[..., 0]).shape == (3, 3)
    best = classifier.predict_one(small[0])
    assert list(best.values()) == sorted(best.values(), reverse=True)
    with pytest.raises(ValueError, match="Square"):
        classifier.predict(small[:, :40])


def test_a_finished_run_is_not_done_again(model, drawn_faces):
    stamp = (model / "model.tflite").stat().st_mtime_ns
    train(CONFIG, drawn_faces, model)
    assert (model / "model.tflite").stat().st_mtime_ns == stamp
    with pytest.raises(ConfigError, match=r"another finished model.*--replace"):
        train(replace(CONFIG, seed=5), drawn_faces, model)


def test_another_finished_model_is_replaced_where_that_is_asked_for(tmp_path, model, drawn_faces):
    place, once, said = tmp_path / "copy", replace(TINY, epochs=1, seed=5), []
    shutil.copytree(model, place)
    (place / "of-the-users.txt").write_text("stays")
    train(CONFIG, drawn_faces, place, said.append, replace=True)
    assert ["nothing to do" in event["message"] for event in said] == [True]
    with pytest.raises(DataError):
        train(once, shapes(people=2), place, replace=True)
    assert read_artifact(place).config == CONFIG.as_dict(), "until there is something to replace it by"
    train(once, drawn_faces, place, said.append, replace=True)
    assert any("is replaced" in event.get("message", "") for event in said)
    assert read_artifact(place).config == once.as_dict()
    assert (place / "of-the-users.txt").read_text() == "stays"
    (place / "model.tflite").write_bytes(b"damaged")
    with pytest.raises(ArtifactError):
        train(once, drawn_faces, place)
    train(once, drawn_faces, place, replace=True)
    assert read_artifact(place).config == once.as_dict()
    with pytest.raises(ConfigError, match="cannot begin with the model that it replaces"):
        train(replace(once, warm_start=str(place)), drawn_faces, place, replace=True)


def test_the_artifact_says_what_is_needed_to_repeat_and_to_judge_it(tmp_path, model, drawn_faces):
    said = []
    kept = replace(drawn_faces, about={"version": 7})
    once = replace(TINY, epochs=1, warm_start=str(model))
    out = train(once, kept, tmp_path / "same", said.append)
    begun = read_artifact(model)
    training = read_artifact(out).training
    assert training["split_by"] == "person"
    assert training["about"] == {"version": 7}
    assert training["warm_start"] == {
        "data_hash": begun.data_hash, "model_sha256": begun.files["model.keras"],
    }  # fmt: skip
    assert not any("other data" in event.get("message", "") for event in said)
    assert "not kept apart" not in (out / "card.md").read_text()
    assert begun.data_hash[:16] in (out / "card.md").read_text()
    apart = train(once, divided_by_picture(kept), tmp_path / "by-picture", said.append)
    assert any(
        event.get("message")
        == "Begun with a model that learned from other data: people tested here may have been in it."
        for event in said
    )
    training = read_artifact(apart).training
    assert training["split_by"] == "picture"
    assert training["about"]["version"] == 7
    assert "People were not kept apart" in (apart / "card.md").read_text()
    assert begun.training["warm_start"] is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"task": "unmask", "architecture": "smielfy_unmask", "size": 100}, r"size 100: .*its own, 128\.$"),
        ({"task": "keypoints", "architecture": "conv_head", "size": 64}, "size 64: .*its own, 96"),
        ({"task": "keypoints", "architecture": "smielfy_points", "size": 100}, "size 100"),
        ({"task": "unmask", "architecture": "unet", "filters": (8, 8)}, r"filters 8, 8: .*equally many"),
        (
            {"task": "unmask", "architecture": "unet", "filters": (0, 8), "kernels": (3, 3)},
            "strictly positive",
        ),
        ({"architecture": "smielfy_faces", "filters": (8, 8)}, "no filters and kernels to choose"),
    ],
)
def test_a_shape_that_a_network_cannot_have_is_refused_with_the_cure(tmp_path, drawn_faces, settings, says):
    with pytest.raises(ConfigError, match=says):
        train(TrainConfig(**settings), drawn_faces, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Killed(BaseException):
    pass


def figures(info):
    """The history without the clock's."""
    clock = ("seconds", "cpu_seconds")
    return [{k: v for k, v in row.items() if k not in clock} for row in info.training["history"]]


def test_the_same_seed_and_data_give_the_same_also_after_a_kill(tmp_path, drawn_faces):
    whole = read_artifact(train(TINY, drawn_faces, tmp_path / "whole"))

    def kill(event):
        if event["event"] == "batch" and event["epoch"] == 3:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "killed", kill)
    with pytest.raises(ArtifactError, match="no finished model"):
        read_artifact(tmp_path / "killed")
    said = []
    killed = read_artifact(train(TINY, drawn_faces, tmp_path / "killed", said.append))
    assert any("after epoch 2" in event.get("message", "") for event in said)
    # The last one before once more: nobody may have heard of it.
    assert [event["epoch"] for event in said if event["event"] == "epoch"] == [2, 3]
    assert figures(killed) == figures(whole)
    crops = drawn_faces.images[:4]
    again = SmileyClassifier(tmp_path / "killed").predict(crops)
    assert np.array_equal(again, SmileyClassifier(tmp_path / "whole").predict(crops))
    one, other = (evaluate(tmp_path / name, drawn_faces) for name in ("whole", "killed"))
    assert one == other


def test_what_was_said_of_an_epoch_is_not_learnt_again(tmp_path, drawn_faces):
    said = []

    def kill(event):
        if event["event"] == "epoch":
            said.append(event)
            if len(said) == 2:
                raise Killed

    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "killed", kill)
    train(TINY, drawn_faces, tmp_path / "killed", kill)
    assert [event["epoch"] for event in said] == [1, 2, 2, 3]
    assert said[1] == said[2], "not even in another time"


def test_the_checkpoint_of_another_run_is_not_gone_on_with(tmp_path, drawn_faces):
    def kill(event):
        if event["event"] == "batch" and event["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "out", kill)
    said = []
    other = replace(TINY, seed=8, max_seconds=0.001)
    info = read_artifact(train(other, drawn_faces, tmp_path / "out", said.append))
    assert any("another run" in event.get("message", "") for event in said)
    # Time that is up ends a run after its epoch.
    assert info.training["epochs"] == 1


def test_the_checkpoint_of_a_network_that_was_renewed_is_not_gone_on_with(tmp_path, drawn_faces, monkeypatch):
    def kill(event):
        if event["event"] == "batch" and event["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "out", kill)
    monkeypatch.setattr("tests.ml.tiny.FILTERS", 12)
    said = []
    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "out", lambda event: (said.append(event), kill(event)))
    assert any("another network" in event.get("message", "") for event in said)


def test_a_class_with_too_few_people_is_left_out_and_named(tmp_path):
    data = shapes(people=15)
    labels = [data.classes[i] for i in data.labels]
    lonely = [i for i, person in enumerate(data.persons) if person == "person-0"]
    for i in lonely:
        labels[i] = "kiss"
    changed = pack(images=data.images, labels=labels, persons=data.persons.tolist(),
                   splits=data.splits.tolist(), ids=data.ids.tolist())  # fmt: skip
    said = []
    out = train(replace(TINY, epochs=1), changed, tmp_path / "out", said.append)
    assert any("kiss" in event.get("message", "") for event in said)
    assert read_artifact(out).classes == ("bar", "dot", "ring")
    assert read_artifact(out).left_out == ("kiss",)


def test_too_little_data_is_refused_with_the_cure(tmp_path):
    with pytest.raises(DataError, match="collect or accept more"):
        train(CONFIG, shapes(people=2), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_diverges_stops_and_says_so(tmp_path, drawn_faces):
    import keras

    from ml.data.batches import Batches

    original = Batches.__getitem__

    def poisoned(self, index):
        (batch,) = original(self, index)
        return ({**batch, "image": batch["image"] * np.float32(np.nan)},)

    Batches.__getitem__ = poisoned
    try:
        with pytest.raises(TrainingDivergedError, match="learning-rate"):
            train(TINY, drawn_faces, tmp_path / "out")
    finally:
        Batches.__getitem__ = original
    assert keras.config.dtype_policy().name == "float32"


def test_a_changed_or_later_artifact_is_refused(tmp_path, model):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    content = bytearray((copy / "model.tflite").read_bytes())
    content[-1] ^= 1
    (copy / "model.tflite").write_bytes(content)
    with pytest.raises(ArtifactError, match="changed after training"):
        SmileyClassifier(copy)
    values = json.loads((copy / "artifact.json").read_text())
    (copy / "artifact.json").write_text(json.dumps({**values, "format_version": 99}))
    with pytest.raises(ArtifactError, match="newer"):
        read_artifact(copy)
    (copy / "artifact.json").write_text(json.dumps({**values, "surprise": 1}))
    with pytest.raises(ArtifactError, match="damaged"):
        read_artifact(copy)
    (copy / "artifact.json").write_text("{")
    with pytest.raises(ArtifactError, match="damaged"):
        read_artifact(copy)


def test_pictures_of_classes_the_model_does_not_know_are_counted(model):
    data = shapes(people=10, seed=4)
    labels = [data.classes[i] for i in data.labels]
    strange = ["kiss" if i % 4 == 0 else label for i, label in enumerate(labels)]
    other = pack(images=data.images, labels=strange, persons=data.persons.tolist(),
                 splits=data.splits.tolist(), ids=data.ids.tolist())  # fmt: skip
    result = evaluate(model, other)
    assert result["left_out"] == 2
    assert result["samples"] == 6
    assert result["same_data"] is False


def test_half_a_checkpoint_is_passed_over(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"x": 1}, {"net": [np.arange(3), np.ones((2, 2))]})
    (tmp_path / "epoch-000002").mkdir()
    (tmp_path / ".aside-000003").mkdir()
    state, arrays = checkpoints.latest()
    assert state == {"x": 1, "epoch": 1}
    assert [array.shape for array in arrays["net"]] == [(3,), (2, 2)]
    checkpoints.save(4, {"x": 4}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000001", "epoch-000004"]
    checkpoints.save(5, {"x": 5}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000004", "epoch-000005"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "arrays.npz").write_bytes((place / "arrays.npz").read_bytes()[:-30]),
        lambda place: (place / "arrays.npz").write_bytes(b""),
        lambda place: (place / "arrays.npz").write_bytes(
            (place / "arrays.npz").read_bytes().replace(np.arange(3).tobytes(), np.arange(3, 6).tobytes())
        ),
        lambda place: (place / "state.json").write_text('{"x": '),
        lambda place: (place / "state.json").write_text("[]"),
    ],
    ids=["cut-off", "empty", "changed", "half-a-state", "no-state"],
)
def test_a_damaged_checkpoint_is_said_and_the_one_before_is_gone_on_from(tmp_path, damage):
    before = Checkpoints(tmp_path)
    for epoch in (1, 2):
        before.save(epoch, {"x": epoch}, {"net": [np.arange(3)]})
    damage(tmp_path / "epoch-000002")
    said = []
    after = Checkpoints(tmp_path, said.append)
    state, arrays = after.latest()
    assert state == {"x": 1, "epoch": 1}
    assert arrays["net"][0].tolist() == [0, 1, 2]
    assert said == [f"The checkpoint {tmp_path / 'epoch-000002'} is damaged and passed over."]
    after.save(2, {"x": 2}, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000001", "epoch-000002"]
    assert after.latest()[0]["x"] == 2


def test_a_run_whose_checkpoints_are_all_damaged_begins_anew(tmp_path, drawn_faces):
    def kill(event):
        if event["event"] == "batch" and event["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, drawn_faces, tmp_path / "out", kill)
    for file in (tmp_path / "out" / "checkpoints").glob("*/arrays.npz"):
        file.write_bytes(file.read_bytes()[:1000])
    said = []
    info = read_artifact(train(TINY, drawn_faces, tmp_path / "out", said.append))
    assert any("passed over" in event.get("message", "") for event in said)
    assert info.training["epochs"] == 3


def test_the_published_network_is_as_published():
    net = architecture("garage_cnn", "smiley").build(17)
    kinds = [(type(layer).__name__, layer.name) for layer in net.layers]
    convolutions = [layer for layer in net.layers if type(layer).__name__ == "Conv2D"]
    assert [layer.kernel_size for layer in convolutions] == [(5, 5), (5, 5), (3, 3), (3, 3)]
    assert {layer.filters for layer in convolutions} == {64}
    assert {layer.padding for layer in convolutions} == {"same"}
    order = [kind for kind, _ in kinds]
    first = order.index("Conv2D")
    assert order[first : first + 4] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert [layer.rate for layer in net.layers if type(layer).__name__ == "Dropout"] == [0.1, 0.3, 0.3]
    assert net.output_shape == (None, 17)
    assert net.input_shape == (None, 48, 48, 3)


def test_the_best_architecture_of_each_task_exists():
    for task, name in BEST.items():
        assert ARCHITECTURES[name].task == task
    with pytest.raises(ValueError, match="garage_cnn"):
        architecture("nothing", "smiley")


def test_metrics_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], np.float32)
    labels = np.array([0, 1, 1, 0], np.int32)
    result = classification_metrics(probabilities, labels, ("a", "b"))
    assert result["accuracy"] == 0.75
    assert result["confusion_matrix"] == [[2, 0], [1, 1]]
    assert result["per_class"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2}
    )
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    with pytest.raises(ValueError, match="do not fit"):
        classification_metrics(probabilities[:0], labels[:0], ("a", "b"))


def test_calibration_error_is_the_gap_between_stated_and_true():
    sure = np.tile(np.array([[0.9, 0.1]], np.float32), (10, 1))
    right_nine_times = np.array([0] * 9 + [1], np.int32)
    never = np.ones(10, np.int32)
    assert calibration_error(sure, right_nine_times) == pytest.approx(0, abs=1e-6)
    assert calibration_error(sure, never) == pytest.approx(0.9, abs=1e-6)


def test_a_config_survives_json_and_refuses_nonsense():
    config = TrainConfig(epochs=3, max_seconds=9.5, seed=4)
    assert TrainConfig.from_json(config.to_json()) == config
    for text in (
        "{",
        "[]",
        '{"epoch": 3}',
        '{"epochs": 0}',
        '{"seed": 4294967296}',
        '{"seed": -1}',
        '{"epochs": "many"}',
        '{"learning_rate": 2}',
    ):
        with pytest.raises(ConfigError):
            TrainConfig.from_json(text)
