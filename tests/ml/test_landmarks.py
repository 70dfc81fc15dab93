"""The fifteen points keep their names when the picture is mirrored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.faces.analyse import FaceAnalyser
from ml.landmarks import (
    FLIP_PERMUTATION,
    KEYPOINT_NAMES,
    MESH_MAP,
    flip_points,
    keypoints_from_mesh,
)

fifteen = arrays(np.float64, (15, 2), elements=st.floats(-500, 500))


@given(fifteen, st.integers(1, 5000))
def test_flipping_twice_changes_nothing(points, width):
    assert np.allclose(flip_points(flip_points(points, width), width), points)


def test_flipping_names_twice_changes_nothing():
    names = np.array(KEYPOINT_NAMES)
    flip = list(FLIP_PERMUTATION)
    assert (names[flip][flip] == names).all()
    assert [KEYPOINT_NAMES[i] for i in FLIP_PERMUTATION[:2]] == ["right_eye_center", "left_eye_center"]
    assert sum(i == j for i, j in enumerate(FLIP_PERMUTATION)) == 3  # nose, upper lip, lower lip


def test_a_flip_mirrors_and_swaps():
    points = np.zeros((15, 2))
    points[0] = [60, 30]  # left eye
    points[1] = [20, 32]
    flipped = flip_points(points, 96)
    assert flipped[0].tolist() == [75, 32]
    assert flipped[1].tolist() == [35, 30]


def test_missing_points_stay_missing_under_their_new_name():
    points = np.ones((15, 2))
    points[KEYPOINT_NAMES.index("mouth_left_corner")] = np.nan
    flipped = flip_points(points, 96)
    assert np.isnan(flipped[KEYPOINT_NAMES.index("mouth_right_corner")]).all()
    assert np.isfinite(flipped[KEYPOINT_NAMES.index("mouth_left_corner")]).all()


def test_points_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="15, 2"):
        flip_points(np.zeros((14, 2)), 96)
    with pytest.raises(ValueError, match="468"):
        keypoints_from_mesh(np.zeros((15, 2)))


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.2, 5), st.integers(0, 1000))
def test_keypoints_move_with_the_mesh(dx, dy, scale, seed):
    mesh = np.random.default_rng(seed).uniform(0, 100, (468, 3))
    moved = mesh * scale + [dx, dy, 0]
    assert np.allclose(keypoints_from_mesh(moved), keypoints_from_mesh(mesh) * scale + [dx, dy])


def test_every_keypoint_is_a_mean_of_mesh_points():
    for mixture in MESH_MAP:
        assert min(mixture.values()) > 0
        assert sum(mixture.values()) == pytest.approx(1, abs=0.002)


def test_the_points_lie_where_their_names_say(astronaut):
    points = FaceAnalyser().analyse(astronaut).subject.named_keypoints()

    def x(name):
        return points[name][0]

    def y(name):
        return points[name][1]

    assert x("right_eye_outer_corner") < x("right_eye_center") < x("right_eye_inner_corner")
    assert x("left_eye_inner_corner") < x("left_eye_center") < x("left_eye_outer_corner")
    assert x("right_eyebrow_outer_end") < x("right_eyebrow_inner_end") < x("left_eyebrow_inner_end")
    assert x("mouth_right_corner") < x("mouth_center_top_lip") < x("mouth_left_corner")
    assert y("left_eyebrow_inner_end") < y("left_eye_center") < y("nose_tip")
    assert y("nose_tip") < y("mouth_center_top_lip") < y("mouth_center_bottom_lip")


def test_a_mirrored_face_gives_mirrored_points(astronaut):
    analyser = FaceAnalyser()
    straight = analyser.analyse(astronaut).subject
    mirrored = analyser.analyse(np.ascontiguousarray(astronaut[:, ::-1])).subject
    eyes = np.linalg.norm(straight.keypoints[0] - straight.keypoints[1])
    error = np.linalg.norm(flip_points(mirrored.keypoints, 512) - straight.keypoints, axis=1) / eyes
    assert error.mean() < 0.04
