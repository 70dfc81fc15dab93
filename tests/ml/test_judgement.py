"""Figures come with how sure they are, baselines beside them, and a page that says it all."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import read_artifact
from ml.baselines import majority, mean_face, telea
from ml.cli import main
from ml.data.manifest import pack, write_packed
from ml.data.packed import divided_by_picture
from ml.evaluate import evaluate, examine
from ml.intervals import confidence_intervals, paired_difference
from ml.metrics import (
    classification_figures,
    classification_metrics,
    classification_statistics,
    reliability,
)
from ml.report import write_report
from tests.ml.conftest import shapes
from tests.ml.models import write_small_model, write_small_unmasker
from tests.ml.test_tasks import pairs, squares


def answers(right, persons, seed=0):
    """Statistics of a two-class model that is right where ``right`` says so."""
    labels = np.arange(len(right)) % 2
    said = np.where(right, labels, 1 - labels)
    return classification_statistics(np.eye(2, dtype=np.float32)[said], labels.astype(np.int32), 2), persons


def test_sums_give_the_figures_that_pictures_give():
    random = np.random.default_rng(0)
    found = random.dirichlet(np.ones(4), 60).astype(np.float32)
    labels = random.integers(0, 3, 60).astype(np.int32)  # the fourth class never occurs
    whole = classification_metrics(found, labels, ("a", "b", "c", "d"))
    sums = classification_statistics(found, labels, 4).sum(axis=0, keepdims=True)
    figures = classification_figures(sums)
    assert float(figures["accuracy"][0]) == pytest.approx(whole["accuracy"])
    assert float(figures["macro_f1"][0]) == pytest.approx(whole["macro_f1"])


def test_intervals_widen_when_the_same_pictures_are_of_fewer_people():
    random = np.random.default_rng(1)
    luck = np.repeat(random.random(20), 20)  # some people are easy, some are not
    right = random.random(400) < luck
    apart, _ = answers(right, None)
    many = confidence_intervals(apart, np.arange(400), classification_figures)["accuracy"]
    few = confidence_intervals(apart, np.repeat(np.arange(20), 20), classification_figures)["accuracy"]
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert many[0] < right.mean() < many[1]
    assert confidence_intervals(apart, np.arange(400), classification_figures)["accuracy"] == many


def test_a_pair_is_told_apart_where_each_alone_is_not():
    """Both models are unsure of the same people: only the comparison on the same people sees that one is better."""
    random = np.random.default_rng(2)
    persons = np.repeat(np.arange(40), 10)
    right = random.random(400) < np.repeat(random.random(40), 10)
    better = right | (random.random(400) < 0.08)
    first, second = answers(right, persons)[0], answers(better, persons)[0]
    own = confidence_intervals(first, persons, classification_figures)["accuracy"]
    assert own[0] < better.mean() < own[1]
    row = paired_difference(first, second, persons, classification_figures)["accuracy"]
    assert row["difference"] == pytest.approx(better.mean() - right.mean())
    assert row["interval"][0] > 0
    assert row["above_zero"] > 0.99
    same = paired_difference(first, first, persons, classification_figures)["accuracy"]
    assert same["interval"] == [0, 0]
    with pytest.raises(ValueError, match="same pictures"):
        paired_difference(first, second[:10], persons, classification_figures)


def test_reliability_counts_everybody_once():
    found = np.array([[0.9, 0.1], [0.8, 0.2], [0.55, 0.45]], np.float32)
    rows = reliability(found, np.array([0, 1, 0], np.int32), bins=2)
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert [row["right"] for row in rows] == [pytest.approx(2 / 3)]


def test_baselines_look_at_nothing():
    data = shapes(people=15)
    answer = majority(data, ("bar", "dot", "ring"), 5)
    learnt = np.bincount(data.labels[data.indices("train")])
    assert answer.argmax(axis=1).tolist() == [int(learnt.argmax())] * 5
    points = squares()
    mean = mean_face(points, 2)
    assert mean.shape == (2, 15, 2)
    assert mean[0] == pytest.approx(np.nanmean(points.points[points.indices("train")], axis=0), rel=1e-5)
    nobody = replace(points, splits=np.full(len(points), "test"))
    assert mean_face(nobody, 2) is None
    masked = pairs()
    filled = telea(masked.masked[:3], masked.alpha[:3])
    inside = masked.alpha[:3] > 0
    assert (
        np.abs(filled.astype(int) - masked.images[:3])[inside].mean()
        < np.abs(masked.masked[:3].astype(int) - masked.images[:3])[inside].mean()
    )
    assert np.array_equal(filled[~inside], masked.masked[:3][~inside])


def test_pictures_divided_at_random_leave_nobody_apart():
    data = shapes(people=20)
    divided = divided_by_picture(data, seed=1)
    assert sorted(divided.splits.tolist()) == sorted(data.splits.tolist())
    own = [person for person, split in zip(data.persons, divided.splits, strict=True) if split == "test"]
    others = [person for person, split in zip(data.persons, divided.splits, strict=True) if split == "train"]
    assert set(own) & set(others)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("small") / "model", size=48)


def test_the_vote_stands_beside_the_single_crop(small):
    result = evaluate(small, shapes(people=10), vote=True)
    assert {"accuracy", "macro_f1"} <= set(result["vote"])
    assert "vote" not in evaluate(small, shapes(people=10))
    assert result["baselines"]["majority"]["accuracy"] > 0
    json.dumps(result, allow_nan=False)


def test_slices_hold_every_picture_once(small):
    result = evaluate(small, shapes(people=20))
    for rows in result["slices"].values():
        assert sum(row["samples"] for row in rows.values()) == result["samples"]


def test_the_report_is_one_file_without_faces_unless_asked_for(small, tmp_path):
    evaluation = examine(small, shapes(people=20), vote=True)
    write_report(evaluation, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "macro-F1" in page
    assert "vote of 45 windows" in page
    assert "majority" in page
    assert "image/jpeg" not in page
    write_report(evaluation, tmp_path / "b.html", faces=True, at_random=evaluation.result)
    page = (tmp_path / "b.html").read_text()
    assert "Worst cases" in page
    assert "image/jpeg" in page
    assert "people not kept apart" in page


def test_everything_about_a_model_by_the_command_line(small, tmp_path, capfd):
    data = shapes(people=20)
    write_packed(
        tmp_path / "data", images=iter(data.images), labels=[data.classes[i] for i in data.labels],
        persons=data.persons.tolist(), splits=data.splits.tolist(), ids=data.ids.tolist(),
    )  # fmt: skip
    line = ["evaluate", "--model", str(small), "--data", str(tmp_path / "data"), "--json"]
    assert main([*line, "--report", str(tmp_path / "r.html"), "--faces", "--random-split", str(small)]) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["random_split"]["samples"] == result["samples"]
    assert (tmp_path / "r.html").stat().st_size > 10_000


def test_the_worst_come_first(small):
    from ml.sheets import worst_cases

    evaluation = examine(small, shapes(people=20))
    sheet = worst_cases(evaluation, count=4, columns=2)
    assert sheet.shape[0] > 256
    assert sheet.shape[2] == 3
    worst = np.argsort(-evaluation.errors, kind="stable")[0]
    tile = np.asarray(Image.fromarray(evaluation.data.images[evaluation.chosen[worst]]).resize((128, 128)))
    assert np.abs(sheet[:128, :128].astype(int) - tile).mean() < 12


def test_the_card_says_what_a_model_is_not_for(small):
    card = (small / "card.md").read_text()
    assert "feelings" in card
    assert read_artifact(small).architecture in card


def test_pairs_and_points_have_sheets_too(tmp_path):
    from ml.config import TrainConfig
    from ml.nets.registry import ARCHITECTURES, Architecture
    from ml.sheets import strips, worst_cases
    from ml.train import train

    config = TrainConfig.of("unmask", "unet", size=32, filters=(4,), kernels=(3,), epochs=1, batch_size=8)
    evaluation = examine(train(config, pairs(), tmp_path / "unmask"), pairs())
    assert strips(evaluation, count=2).shape[1] > 3 * 128
    write_report(evaluation, tmp_path / "u.html", faces=True)
    ARCHITECTURES["tiny_points"] = Architecture("keypoints", "tests.ml.tiny:tiny_points", 24, 1)
    try:
        config = TrainConfig(task="keypoints", architecture="tiny_points", epochs=1)
        evaluation = examine(train(config, squares(), tmp_path / "points"), squares())
    finally:
        del ARCHITECTURES["tiny_points"]
    assert worst_cases(evaluation).shape[1] > 128
    write_report(evaluation, tmp_path / "k.html", faces=True)
    assert "error of each point" in (tmp_path / "k.html").read_text()


def test_a_data_set_without_a_whole_class_is_still_measured(small):
    data = shapes(people=20)
    labels = [data.classes[i] for i in data.labels]
    keep = [i for i, label in enumerate(labels) if label != "ring"]
    fewer = pack(
        images=data.images[keep], labels=[labels[i] for i in keep], persons=data.persons[keep].tolist(),
        splits=data.splits[keep].tolist(), ids=data.ids[keep].tolist(),
    )  # fmt: skip
    result = evaluate(small, fewer)
    assert result["per_class"]["ring"]["support"] == 0
    json.dumps(result, allow_nan=False)


def test_masks_off_are_measured_in_the_size_of_the_pictures_whatever_the_networks(tmp_path):
    """A small picture is easier to be like than a large one: two networks would be compared by their size."""
    data = pairs(size=32)
    same = evaluate(write_small_unmasker(tmp_path / "same", size=32), data)
    small = examine(write_small_unmasker(tmp_path / "small", size=16), data)
    assert small.result["size"] == same["size"] == 32
    assert small.predictions.shape[1:] == (32, 32, 3)
    assert small.result["baselines"] == same["baselines"]
    assert small.result["masked_l1"] >= same["masked_l1"] - 0.02
