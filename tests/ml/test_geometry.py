"""Transforms carry points there and back; boxes keep to their arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.geometry import Box, GeometryError, Similarity

numbers = st.floats(-5000, 5000, allow_nan=False)
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20).map(
    lambda p: np.array(p, dtype=float)
)
similarities = st.builds(
    lambda scale, degrees, x, y: Similarity.from_parts(scale=scale, degrees=degrees, shift=(x, y)),
    st.floats(0.01, 50),
    st.floats(-180, 180),
    numbers,
    numbers,
)
boxes = st.builds(Box, numbers, numbers, st.floats(0, 4000), st.floats(0, 4000))


@given(similarities, points)
def test_points_come_back_within_a_twentieth_of_a_pixel(transform, xy):
    there_and_back = transform.inverse().apply(transform.apply(xy))
    assert np.abs(there_and_back - xy).max() < 0.05


@given(similarities, similarities, points)
def test_two_transforms_in_one_are_the_one_after_the_other(first, second, xy):
    together = first.then(second).apply(xy)
    assert np.allclose(together, second.apply(first.apply(xy)), rtol=1e-6, atol=0.05)


@given(similarities, st.integers(0, 2**32 - 1))
def test_a_transform_is_found_again_from_what_it_did(transform, seed):
    source = np.random.default_rng(seed).uniform(-200, 200, (6, 2))
    found = Similarity.from_points(source, transform.apply(source))
    assert np.abs(found.apply(source) - transform.apply(source)).max() < 0.05
    assert math.isclose(found.scale, transform.scale, rel_tol=1e-6)


@given(similarities)
def test_a_transform_survives_json(transform):
    assert np.allclose(Similarity.from_list(transform.as_list()).matrix(), transform.matrix())


def test_a_noisy_fit_is_no_worse_than_any_near_it():
    random = np.random.default_rng(1)
    source, target = random.normal(size=(2, 30, 2))
    best = Similarity.from_points(source, target)

    def error(transform):
        return float(((transform.apply(source) - target) ** 2).sum())

    for _ in range(200):
        a, b, tx, ty = np.array([best.a, best.b, best.tx, best.ty]) + random.normal(0, 0.05, 4)
        assert error(Similarity(a, b, tx, ty)) >= error(best) - 1e-9


def test_positive_degrees_turn_clockwise_on_a_screen():
    (right,) = Similarity.from_parts(degrees=90).apply([[1.0, 0.0]])
    assert right == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([[1, 1], [1, 1]], [[0, 0], [1, 1]]),
        ([[1, 1]], [[0, 0]]),
        ([[1, math.nan], [0, 0]], [[0, 0], [1, 1]]),
        ([[1, 1], [0, 0]], [[0, 0], [1, math.inf]]),
        ([[1, 1], [0, 0]], [[0, 0]]),
    ],
)
def test_points_without_a_transform_are_named_as_such(source, target):
    with pytest.raises(GeometryError):
        Similarity.from_points(source, target)


@pytest.mark.parametrize(
    "rows", [[[1, 0, 0], [0, 2, 0]], [[1, 0, 0], [0, -1, 0]], [[1, 0], [0, 1]], [[1, 0, 0]]]
)
def test_a_matrix_that_is_no_similarity_is_refused(rows):
    with pytest.raises(GeometryError):
        Similarity.from_list(rows)


@given(boxes, boxes)
def test_overlap_is_symmetric_and_a_share(one, other):
    assert one.iou(other) == pytest.approx(other.iou(one))
    assert 0 <= one.iou(other) <= 1 + 1e-9


@given(boxes)
def test_a_clipped_box_lies_in_the_picture(box):
    clipped = box.clip(640, 480)
    assert clipped.x >= 0
    assert clipped.y >= 0
    assert clipped.right <= 640 + 1e-6
    assert clipped.bottom <= 480 + 1e-6
    assert 0 <= box.share_inside(640, 480) <= 1 + 1e-6


def test_a_box_overlaps_itself_wholly():
    assert Box(3, 4, 10, 20).iou(Box(3, 4, 10, 20)) == 1
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 10, 10)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("values", [(0, 0, -1, 1), (math.nan, 0, 1, 1), (0, math.inf, 1, 1)])
def test_a_box_that_cannot_be_is_refused(values):
    with pytest.raises(GeometryError):
        Box(*values)


def test_a_box_around_points_touches_the_outermost():
    assert Box.from_points([[1, 5], [4, 2], [2, 3]]).as_list() == [1, 2, 3, 3]
    with pytest.raises(GeometryError):
        Box.from_points(np.empty((0, 2)))
