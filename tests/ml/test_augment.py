"""Views are what a slow, plain calculation says they are, and the points stay on the face."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.landmarks import FLIP_PERMUTATION, flip_points

SIDE = 16
few = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 10_000)
small = st.floats(-1, 1, width=32)


def pictures(seed, count=3, channels=3, side=SIDE):
    return np.random.default_rng(seed).uniform(0, 255, (count, side, side, channels)).astype(np.float32)


def view(**changes):
    """Arguments of ``matrices`` for one picture; by default the view that changes nothing."""
    same = {"angle": 0, "zoom": 1, "shear": 0, "dx": 0, "dy": 0, "tilt_x": 0, "tilt_y": 0, "mirror": False}
    return {
        name: np.array([value], bool if name == "mirror" else np.float32)
        for name, value in {**same, **changes}.items()
    }


def matrix_of(**changes):
    from ml.data.warps import matrices

    return np.asarray(matrices(SIDE, **view(**changes)))


def slow_warp(image, matrix):
    """Pixel by pixel: where it came from, four neighbours, coordinates outside pulled to the border."""
    side = image.shape[0]
    out = np.zeros_like(image, dtype=np.float64)
    for y in range(side):
        for x in range(side):
            u, v, w = matrix.astype(np.float64) @ (x, y, 1)
            u, v = np.clip(u / w, 0, side - 1), np.clip(v / w, 0, side - 1)
            left, top = min(int(u), side - 2), min(int(v), side - 2)
            a, b = u - left, v - top
            out[y, x] = (
                image[top, left] * (1 - a) * (1 - b)
                + image[top, left + 1] * a * (1 - b)
                + image[top + 1, left] * (1 - a) * b
                + image[top + 1, left + 1] * a * b
            )
    return out


geometry = st.fixed_dictionaries(
    {
        "angle": st.floats(-0.5, 0.5, width=32),
        "zoom": st.floats(0.75, 1.25, width=32),
        "shear": st.floats(-0.125, 0.125, width=32),
        "dx": st.floats(-2, 2, width=32),
        "dy": st.floats(-2, 2, width=32),
        "tilt_x": st.floats(-0.125, 0.125, width=32),
        "tilt_y": st.floats(-0.125, 0.125, width=32),
        "mirror": st.booleans(),
    }
)


@few
@given(geometry, seeds)
def test_warping_is_bilinear_sampling_with_repeated_borders(values, seed):
    from ml.data.warps import warp

    image, matrix = pictures(seed, 1), matrix_of(**values)
    assert np.asarray(warp(image, matrix))[0] == pytest.approx(slow_warp(image[0], matrix[0]), abs=0.05)


@few
@given(geometry, seeds)
def test_points_go_where_their_part_of_the_picture_goes(values, seed):
    """A picture whose colours are its coordinates says of every new place where it came from."""
    from ml.data.warps import move_points

    matrix = matrix_of(**values)
    points = np.random.default_rng(seed).uniform(0, SIDE - 1, (1, 15, 2)).astype(np.float32)
    moved = np.asarray(move_points(points, matrix, np.array([values["mirror"]])))[0]
    if values["mirror"]:
        moved = moved[list(FLIP_PERMUTATION)]
    back = np.c_[moved, np.ones(15)] @ matrix[0].astype(np.float64).T
    assert back[:, :2] / back[:, 2:] == pytest.approx(points[0], abs=2e-3)


def test_a_view_moves_the_way_its_name_says():
    from ml.data.warps import move_points

    middle = (SIDE - 1) / 2
    right = np.full((1, 15, 2), middle, np.float32) + np.array([4, 0], np.float32)

    def moved(**changes):
        mirror = np.array([changes.get("mirror", False)])
        return np.asarray(move_points(right, matrix_of(**changes), mirror))[0, 0] - middle

    assert moved() == pytest.approx([4, 0], abs=1e-4)
    assert moved(dx=2, dy=1) == pytest.approx([6, 1], abs=1e-4)
    assert moved(zoom=1.5) == pytest.approx([6, 0], abs=1e-4)
    # Counter-clockwise to the eye: what was on the right comes up, and y grows downwards.
    assert moved(angle=math.pi / 2) == pytest.approx([0, -4], abs=1e-4)
    assert moved(mirror=True) == pytest.approx([-4, 0], abs=1e-4)
    # The right edge comes nearer or goes away; the middle stays.
    assert moved(tilt_x=0.2)[0] != pytest.approx(4, abs=0.1)


def test_a_mirrored_face_has_its_left_eye_where_the_right_one_was():
    from ml.data.warps import move_points

    points = np.random.default_rng(0).uniform(0, SIDE, (2, 15, 2)).astype(np.float32)
    points[0, 3] = np.nan
    matrix = np.concatenate([matrix_of(mirror=True)] * 2)
    moved = np.asarray(move_points(points, matrix, np.array([True, True])))
    np.testing.assert_allclose(moved, flip_points(points, SIDE), atol=1e-4)
    again = np.asarray(move_points(moved, matrix, np.array([True, True])))
    np.testing.assert_allclose(again, points, atol=1e-4)


@few
@given(seeds, st.lists(small, min_size=3, max_size=3), st.lists(small, min_size=3, max_size=3))
def test_tones(seed, spread, lift):
    from ml.data.effects import tones

    images = pictures(seed)
    contrast, levels = 1 + 0.5 * np.float32(spread), 40 * np.float32(lift)
    for given_one, image, c, b in zip(
        np.asarray(tones(images, contrast, levels)), images, contrast, levels, strict=True
    ):
        assert given_one == pytest.approx((image - image.mean()) * c + image.mean() + b, abs=0.02)


@few
@given(seeds, st.lists(small, min_size=3, max_size=3))
def test_colours(seed, spread):
    from ml.data.effects import colour

    images, saturation = pictures(seed), 1 + 0.5 * np.float32(spread)
    gains = 1 + 0.1 * np.random.default_rng(seed).uniform(-1, 1, (3, 3)).astype(np.float32)
    given_all = np.asarray(colour(images, gains, saturation))
    for n in range(3):
        for y, x in ((0, 0), (5, 9), (15, 15)):
            r, g, b = images[n, y, x].tolist()
            grey = 0.299 * r + 0.587 * g + 0.114 * b
            wanted = [
                (grey + (v - grey) * saturation[n]) * k for v, k in zip((r, g, b), gains[n], strict=True)
            ]
            assert given_all[n, y, x] == pytest.approx(wanted, abs=0.02)


@few
@given(seeds, st.floats(0, 2, width=32))
def test_blur_is_a_gaussian_of_each_pictures_own_width(seed, sigma):
    from ml.data.effects import REACH, blur

    images = pictures(seed, 2, 1)
    given_all = np.asarray(blur(images, np.array([sigma, 0], np.float32)))
    assert given_all[1] == pytest.approx(images[1], abs=1e-3)
    taps = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * max(sigma, 0.05) ** 2))
    taps /= taps.sum()
    padded = np.pad(images[0, :, :, 0], REACH, mode="edge")
    for y, x in ((0, 0), (7, 3), (15, 15)):
        window = padded[y : y + 2 * REACH + 1, x : x + 2 * REACH + 1]
        assert given_all[0, y, x, 0] == pytest.approx(taps @ window @ taps, abs=0.02)


@few
@given(seeds, st.integers(5, 95))
def test_jpeg_loses_what_rounding_its_frequencies_loses(seed, quality):
    from scipy.fft import dctn, idctn

    from ml.data.effects import JPEG_TABLE, jpeg

    images = pictures(seed, 2, 1)
    given_all = np.asarray(jpeg(images, np.array([quality, 101], np.float32)))
    assert np.array_equal(given_all[1], images[1])
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = np.clip(np.floor((JPEG_TABLE * scale + 50) / 100), 1, 255)
    for top in range(0, SIDE, 8):
        for left in range(0, SIDE, 8):
            block = images[0, top : top + 8, left : left + 8, 0].astype(np.float64) - 128
            waves = dctn(block, norm="ortho") / table
            if np.abs(waves - np.floor(waves) - 0.5).min() < 1e-3:
                continue  # on the edge between two steps, where single precision may round the other way
            wanted = idctn(np.rint(waves) * table, norm="ortho") + 128
            assert given_all[0, top : top + 8, left : left + 8, 0] == pytest.approx(wanted, abs=0.05)


def test_jpeg_looks_as_pillows_does(astronaut):
    import io

    from PIL import Image

    from ml.data.effects import jpeg

    grey = np.asarray(Image.fromarray(astronaut).convert("L").crop((180, 40, 276, 136)))
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=20)
    wanted = np.asarray(Image.open(file), np.float32)
    found = np.asarray(jpeg(grey[None, :, :, None].astype(np.float32), np.array([20.0], np.float32)))[
        0, :, :, 0
    ]
    assert np.abs(found - wanted).mean() < 1
    assert np.abs(wanted - grey).mean() > 2


@few
@given(seeds)
def test_cutouts_and_covers_change_their_place_alone(seed):
    from ml.data.effects import cover, cutout

    random = np.random.default_rng(seed)
    images = pictures(seed, 2, 1)
    boxes = np.array([[2, 3, 9, 7], [5, 5, 5, 9]], np.float32)
    cut = np.asarray(cutout(images, boxes, np.array([77, 77], np.float32)))
    for y in range(SIDE):
        for x in range(SIDE):
            wanted = 77 if 2 <= x < 9 and 3 <= y < 7 else images[0, y, x, 0]
            assert cut[0, y, x, 0] == wanted
    assert np.array_equal(cut[1], images[1])  # a box of no width

    points = random.uniform(0, SIDE, (2, 15, 2)).astype(np.float32)
    points[0, :2] = (11, 5), (5, 5)  # eyes level, six pixels apart
    points[0, 10], points[0, 11:15] = (8, 8), (8, 11)
    points[1, 0] = np.nan
    covered = np.asarray(cover(images, points, np.array([9, 9], np.float32), np.array([True, True])))
    for y in range(SIDE):
        for x in range(SIDE):
            inside = ((x - 8) / (0.85 * 6)) ** 2 + ((y - 9.5 - 0.9) / (0.7 * 6)) ** 2
            if abs(inside - 1) > 1e-3:
                assert covered[0, y, x, 0] == (9 if inside < 1 else images[0, y, x, 0])
    assert np.array_equal(covered[1], images[1])  # an eye is missing: nobody knows where its mask would be


def test_noise_has_the_deviation_asked_for():
    from ml.data.effects import noise

    images = np.full((2, 64, 64, 1), 128, np.float32)
    normal = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    given_all = np.asarray(noise(images, np.array([5, 0], np.float32), normal))
    assert (given_all[0] - 128).std() == pytest.approx(5, rel=0.05)
    assert np.array_equal(given_all[1], images[1])


@pytest.mark.parametrize("name", ["plain", "published", "mirror", "moved", "aligned", "full"])
def test_views_keep_shape_and_range_and_leave_tests_alone(name):
    from ml.data.augment import VIEWS, Augment

    batch = {"image": pictures(0, 8, 3), "points": np.full((8, 15, 2), 8, np.float32), "label": np.arange(8)}
    layer = Augment(VIEWS[name], seed=1)
    for name, array in layer(batch).items():
        assert np.array_equal(np.asarray(array), batch[name])
    seen = layer(batch, training=True)
    image = np.asarray(seen["image"])
    assert image.shape == batch["image"].shape
    assert image.min() >= 0
    assert image.max() <= 255
    assert np.abs(image - batch["image"]).mean() > 1
    assert np.isfinite(np.asarray(seen["points"])).all()
    assert np.array_equal(seen["label"], batch["label"])
    again = Augment.from_config(layer.get_config())(batch, training=True)
    assert np.array_equal(np.asarray(again["image"]), image)


def test_no_two_pictures_see_the_same_view_and_half_are_mirrored():
    from ml.data.augment import Augment, Views

    image = np.repeat(pictures(0, 1, 1), 200, axis=0)
    points = np.repeat(np.random.default_rng(0).uniform(2, 14, (1, 15, 2)).astype(np.float32), 200, axis=0)
    seen = Augment(Views(flip=True), seed=3)({"image": image, "points": points}, training=True)
    mirrored = np.abs(np.asarray(seen["image"]) - image[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-2
    assert 60 < mirrored.sum() < 140
    np.testing.assert_allclose(
        np.asarray(seen["points"])[mirrored][0], flip_points(points[0], SIDE), atol=1e-3
    )
    turned = np.asarray(Augment(Views(degrees=30), seed=3)({"image": image}, training=True)["image"])
    assert len({picture.tobytes() for picture in turned}) == 200


def test_a_pair_for_mask_removal_sees_one_view_and_is_not_spoilt():
    from ml.data.augment import VIEWS, Augment

    image = pictures(0, 6, 3)
    batch = {"image": image, "target": image.copy(), "alpha": image[..., :1] / 255}
    seen = Augment(VIEWS["full"], seed=2)(batch, training=True)
    assert np.array_equal(np.asarray(seen["image"]), np.asarray(seen["target"]))
    assert np.asarray(seen["alpha"]).max() <= 1
    assert np.abs(np.asarray(seen["alpha"]) - batch["alpha"]).mean() > 0.01


def test_mixed_pictures_have_mixed_labels():
    from ml.learner import Mixup

    images = np.zeros((64, 4, 4, 1), np.float32)
    images[:32] = 100
    shares = np.eye(2, dtype=np.float32)[(np.arange(64) >= 32).astype(int)]
    seen = Mixup(0.4, seed=0)({"image": images, "shares": shares})
    share = np.asarray(seen["shares"])
    assert np.asarray(seen["image"])[:, 0, 0, 0] == pytest.approx(100 * share[:, 0], abs=1e-3)
    assert share.sum(axis=1) == pytest.approx(1)
    assert ((share[:, 0] > 0.02) & (share[:, 0] < 0.98)).sum() > 10
