"""A model is compared with another, or with an answer that looks at nothing, on the same people's pictures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from ml.artifacts import ArtifactError
from ml.cli import main
from ml.compare import compare, compare_with_baseline
from ml.data.manifest import pack, write_packed
from ml.evaluate import Evaluation
from ml.metrics import classification_figures, classification_statistics
from ml.predict import SmileyClassifier
from tests.ml.conftest import shapes
from tests.ml.models import with_nan, write_small_model


def judged(data, classes, right):
    """What ``examine`` says of a model that knows these classes and is right where ``right`` says so."""
    chosen = np.array([i for i, label in enumerate(data.labels) if data.classes[label] in classes])
    labels = np.array([classes.index(data.classes[data.labels[i]]) for i in chosen], np.int32)
    said = np.where(right[chosen], labels, (labels + 1) % len(classes))
    found = np.eye(len(classes), dtype=np.float32)[said]
    statistics = classification_statistics(found, labels, len(classes))
    info = SimpleNamespace(task="smiley", classes=tuple(classes))
    majority = classification_statistics(
        np.eye(len(classes), dtype=np.float32)[0 * said], labels, len(classes)
    )
    return Evaluation(
        info, data, chosen, found, labels, statistics, classification_figures, 1.0 - right[chosen],
        {"majority": majority}, {},
    )  # fmt: skip


def faces(people=30):
    classes = ["bar", "dot", "ring"]
    labels = classes * people
    return pack(
        images=np.zeros((len(labels), 16, 16, 3), np.uint8), labels=labels,
        persons=[str(i // 3) for i in range(len(labels))], splits=["test"] * len(labels),
        ids=[str(i) for i in range(len(labels))],
    )  # fmt: skip


def test_the_better_one_is_better_and_the_same_is_not():
    data = faces()
    sometimes = np.arange(len(data)) % 4 > 0
    often = sometimes | (np.arange(len(data)) % 8 == 0)
    one, two = (judged(data, ["bar", "dot", "ring"], right) for right in (sometimes, often))
    found = compare(two, one)
    assert found["people"] == 30
    assert found["figures"]["accuracy"]["difference"] == pytest.approx(often.mean() - sometimes.mean())
    assert found["figures"]["accuracy"]["interval"][0] > 0
    assert compare(one, two)["figures"]["accuracy"]["interval"][1] < 0
    assert compare(one, one)["figures"]["accuracy"]["interval"] == [0, 0]
    with pytest.raises(ValueError, match="same data"):
        compare(one, judged(faces(29), ["bar", "dot", "ring"], sometimes[:87]))


def test_of_a_smiley_that_it_does_not_know_a_model_is_wrong():
    data = faces()
    always = np.ones(len(data), bool)
    for lacking in (["bar", "dot"], ["dot", "ring"]):
        found = compare(judged(data, ["bar", "dot", "ring"], always), judged(data, lacking, always))
        assert found["samples"] == 90
        assert found["figures"]["accuracy"]["difference"] == pytest.approx(1 / 3)
        assert found["figures"]["macro_f1"]["difference"] == pytest.approx(1 / 3)


def test_the_first_model_is_compared_with_what_looks_at_nothing():
    data = faces()
    found = compare_with_baseline(judged(data, ["bar", "dot", "ring"], np.ones(len(data), bool)))
    assert found is not None
    assert found["baseline"] == "majority"
    assert found["figures"]["accuracy"]["difference"] == pytest.approx(2 / 3)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("models") / "small", size=16)


def test_the_command_compares(small, tmp_path, capsys):
    data = shapes(people=20)
    write_packed(
        tmp_path / "pack", images=iter(data.images), labels=[data.classes[i] for i in data.labels],
        persons=data.persons.tolist(), splits=data.splits.tolist(), ids=data.ids.tolist(),
    )  # fmt: skip
    command = ["evaluate", "--model", str(small), "--data", str(tmp_path / "pack"), "--json", "--compare"]
    assert main([*command, str(small)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["comparison"]["figures"]["accuracy"]["difference"] == 0
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["comparison"]["baseline"] == "majority"
    assert set(result["worst"]) <= set(data.ids.tolist())


def test_a_model_that_answers_with_nan_is_refused(small, tmp_path):
    with pytest.raises(ArtifactError, match="NaN"):
        SmileyClassifier(with_nan(small, tmp_path / "nan")).predict(np.zeros((1, 16, 16, 3), np.uint8))
