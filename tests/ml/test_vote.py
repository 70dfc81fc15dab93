"""The vote over 45 windows: shares, windows, and that slices are what single cuts would be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.faces.crop import align, warp
from ml.faces.detect import detect
from ml.geometry import Similarity
from ml.predict import SmileyClassifier
from ml.vote import (
    CENTRAL_WINDOW,
    SCALES,
    WINDOWS,
    shift_pixels,
    vote,
    vote_on_crop,
    vote_on_face,
    window_crops,
    windows,
)
from tests.ml.models import write_small_model

CLASSES = ("bar", "dot", "ring")


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("small") / "model")


def distributions(classes=4):
    numbers = arrays(np.float64, (WINDOWS, classes), elements=st.floats(1e-3, 1))
    return numbers.map(lambda rows: rows / rows.sum(axis=1, keepdims=True))


def similarities():
    return st.builds(
        lambda scale, degrees, x, y: Similarity.from_parts(scale=scale, degrees=degrees, shift=(x, y)),
        st.floats(0.05, 4),
        st.floats(-180, 180),
        st.floats(-500, 500),
        st.floats(-500, 500),
    )


@given(distributions())
def test_shares_sum_to_one_and_are_the_windows_mean(rows):
    result = vote(rows)
    assert result.shares.sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose(result.shares, rows.sum(axis=0) / 45)
    assert result.score == result.shares.max() == result.shares[result.winner]
    assert result.score >= 1 / rows.shape[1] - 1e-12


@given(distributions(), st.permutations(range(WINDOWS)))
def test_order_of_windows_changes_nothing(rows, order):
    assert np.array_equal(vote(rows).shares, vote(rows[order]).shares)


@given(distributions(), st.permutations(range(4)))
def test_classes_in_another_order_get_the_same_shares(rows, order):
    assert np.allclose(vote(rows[:, order]).shares, vote(rows).shares[order], atol=1e-15)


def test_windows_that_agree_are_the_vote():
    row = np.array([0.1, 0.7, 0.2], np.float32)
    result = vote(np.tile(row, (WINDOWS, 1)))
    assert result.shares == pytest.approx(row, abs=1e-6)
    assert (result.winner, list(result.named(CLASSES))) == (1, ["dot", "ring", "bar"])


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, 3)),
        np.zeros((45, 0)),
        np.full(3, 1 / 3),
        np.full((45, 3), 0.5),
        np.full((45, 2), np.nan),
        np.tile([1.5, -0.5], (45, 1)),
    ],
)
def test_what_is_no_distribution_is_refused(rows):
    with pytest.raises(ValueError, match="robabilities"):
        vote(rows)


@given(similarities(), st.sampled_from([24, 48, 64, 96, 97]))
@settings(max_examples=50)
def test_windows_are_similarities_about_the_aligned_face(aligned, size):
    all_windows = windows(aligned, size)
    assert len(all_windows) == WINDOWS == 45
    assert np.allclose(all_windows[CENTRAL_WINDOW].matrix(), aligned.matrix(), atol=1e-6)
    middle = aligned.inverse().apply([[(size - 1) / 2, (size - 1) / 2]])
    for index, window in enumerate(all_windows):
        assert window.scale == pytest.approx(aligned.scale / SCALES[index // 9])
        assert window.degrees == pytest.approx(aligned.degrees, abs=1e-6) or abs(window.degrees) > 179.9
        away = window.apply(middle)[0] - (size - 1) / 2
        assert (
            np.abs(
                np.abs(away) - np.array([index % 9 % 3 != 1, index % 9 // 3 != 1]) * shift_pixels(size)
            ).max()
            < 1e-6
        )
    # Shifts cancel out: the nine of each scale lie evenly around the face.
    centers = np.array([window.apply(middle)[0] for window in all_windows])
    assert np.allclose(centers.mean(axis=0), (size - 1) / 2, atol=1e-6)


@pytest.mark.parametrize(("zoom", "size"), [(1, 48), (1, 96), (4, 48)])
def test_windows_cut_together_are_those_cut_one_by_one(astronaut, zoom, size):
    image = np.repeat(np.repeat(astronaut, zoom, axis=0), zoom, axis=1)
    aligned = align(detect(image)[0].points, size)
    together = window_crops(image, aligned, size)
    one_by_one = np.stack([warp(image, window, size) for window in windows(aligned, size)])
    assert together.shape == (45, size, size, 3)
    away = np.abs(together.astype(int) - one_by_one)
    assert away.mean() < 1
    # Shifted by a pixel they would differ by far more.
    assert away.mean() < np.abs(np.roll(together, 1, axis=2).astype(int) - one_by_one).mean() / 4


def test_grey_pictures_give_grey_windows(astronaut):
    aligned = align(detect(astronaut)[0].points, 48)
    assert window_crops(np.ascontiguousarray(astronaut[..., 0]), aligned, 48).shape == (45, 48, 48)


def test_network_is_asked_45_times_and_a_kept_crop_gives_nearly_the_same(astronaut, small_model):
    model = SmileyClassifier(small_model)
    points = detect(astronaut)[0].points
    result = vote_on_face(model, astronaut, points)
    windows_seen = window_crops(astronaut, align(points, model.input_size), model.input_size)
    assert np.array_equal(result.shares, vote(model.predict(windows_seen)).shares)
    assert set(result.named(model.classes)) == set(CLASSES)
    crop = warp(astronaut, align(points, 256), 256)
    assert vote_on_crop(model, crop).shares == pytest.approx(result.shares, abs=0.02)


def test_of_equal_shares_the_first_class_wins():
    assert vote(np.full((WINDOWS, 4), 0.25)).winner == 0
