"""Faces are found, wherever and however large they are, and cut out the same way every time."""

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.faces.assets import MODELS, MissingModelError, model_path
from ml.faces.crop import SIZES, align, resized, warp
from ml.faces.detect import POINT_NAMES, detect, detect_batch
from ml.faces.mesh import fit_mesh
from ml.geometry import Box, GeometryError, Similarity

GOLDEN = Path(__file__).parent / "golden"

#: By eye, on the astronaut picture.
FACE = Box(178, 82, 92, 98)
EYES_AND_MOUTH = {"right_eye": (203, 102), "left_eye": (246, 107), "mouth": (219, 146)}


def test_batch_finds_the_same_as_one_by_one(astronaut: np.ndarray) -> None:
    wide = np.full((400, 1600, 3), 90, np.uint8)
    wide[100:356, 900:1156] = astronaut[20:276, 100:356]  # found on a tile only
    pictures = [
        astronaut,
        np.zeros((64, 64, 3), np.uint8),
        wide,
        np.ascontiguousarray(astronaut[:300, ::-1]),
        np.zeros((1, 9, 3), np.uint8),
        astronaut[20:276, 100:356],
        np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8),
    ]
    together, alone = detect_batch(pictures), [detect(picture) for picture in pictures]
    assert [len(faces) for faces in together] == [1, 0, 1, 1, 0, 1, 0]
    for faces, others in zip(together, alone, strict=True):
        for face, other in zip(faces, others, strict=True):
            assert face.box == other.box
            assert face.score == other.score
            assert np.array_equal(face.points, other.points)
    assert detect_batch([]) == []


def test_the_face_is_found_where_it_is(astronaut):
    (face,) = detect(astronaut)
    assert face.box.iou(FACE) > 0.75
    assert face.score > 0.8
    for name, place in EYES_AND_MOUTH.items():
        assert np.linalg.norm(face.points[POINT_NAMES.index(name)] - place) < 6


@pytest.mark.parametrize("shape", [(720, 1280), (1280, 720), (400, 400), (2000, 2000), (512, 3000)])
def test_a_face_is_found_in_pictures_of_any_shape(astronaut, shape):
    height, width = shape
    scene = np.full((height, width, 3), 90, np.uint8)
    part = astronaut[:400, :400]
    top, left = (height - 400) // 2, (width - 400) // 2
    scene[top : top + 400, left : left + 400] = part
    faces = detect(scene)
    assert len(faces) == 1
    assert faces[0].box.iou(Box(FACE.x + left, FACE.y + top, FACE.w, FACE.h)) > 0.6


@pytest.mark.parametrize("corner", [(10, 10), (1500, 20), (20, 800), (1490, 790)])
def test_a_small_face_in_a_corner_is_found_on_tiles(astronaut, corner):
    x, y = corner
    scene = np.full((1080, 1920, 3), 120, np.uint8)
    scene[y : y + 256, x : x + 400] = astronaut[20:276, 60:460]
    (face,) = detect(scene)
    assert face.box.iou(Box(x + FACE.x - 60, y + FACE.y - 20, FACE.w, FACE.h)) > 0.6


def test_a_face_that_fills_the_picture_is_found(astronaut):
    close = astronaut[84:180, 178:272]
    (face,) = detect(close)
    assert face.box.iou(Box(0, 0, 94, 96)) > 0.6


def test_all_of_several_faces_are_found(astronaut):
    pair = np.hstack([astronaut[:300, 100:350], astronaut[:300, 100:350][:, ::-1]])
    faces = detect(np.ascontiguousarray(pair))
    assert len(faces) == 2
    assert faces[0].box.iou(faces[1].box) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 2), (3, 4000), (40, 40)])
def test_pictures_without_room_for_a_face_have_none(size):
    assert detect(np.full((*size, 3), 128, np.uint8)) == []


def test_noise_and_plain_pictures_have_no_face():
    random = np.random.default_rng(0)
    for side in (60, 200, 480):
        assert detect(random.integers(0, 256, (side, side, 3), dtype=np.uint8)) == []
        assert detect(np.full((side, side, 3), side % 256, np.uint8)) == []


def test_an_array_that_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="RGB uint8"):
        detect(np.zeros((20, 20, 3), np.float32))
    with pytest.raises(ValueError, match="RGB uint8"):
        detect(np.zeros((20, 20), np.uint8))


def test_threads_get_networks_of_their_own(astronaut):
    (expected,) = detect(astronaut)
    seen = []

    def look():
        for _ in range(10):
            seen.append(fit_mesh(astronaut, detect(astronaut)[0]).points)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 40
    assert all(np.array_equal(points, seen[0]) for points in seen)
    assert np.array_equal(detect(astronaut)[0].points, expected.points)


def test_the_networks_are_checked_before_use(monkeypatch):
    assert model_path("blazeface").is_file()
    file, _ = MODELS["facemesh"]
    monkeypatch.setitem(MODELS, "facemesh", (file, "0" * 64))
    with pytest.raises(MissingModelError, match=r"requirements\.txt"):
        model_path.__wrapped__("facemesh")
    monkeypatch.setitem(MODELS, "facemesh", ("nothing.tflite", "0" * 64))
    with pytest.raises(MissingModelError, match="make setup"):
        model_path.__wrapped__("facemesh")


def test_the_mesh_sits_on_the_face(astronaut):
    (face,) = detect(astronaut)
    mesh = fit_mesh(astronaut, face)
    assert mesh.points.shape == (468, 3)
    assert mesh.score > 0.99
    assert Box.from_points(mesh.points).iou(FACE) > 0.6
    # The tip of the nose is nearer to the camera than the ears.
    assert mesh.points[1, 2] < mesh.points[234, 2] - 20


@pytest.mark.parametrize("degrees", [-40, -25, 15, 30, 45])
def test_the_mesh_follows_a_tilted_head(astronaut, degrees):
    straight = fit_mesh(astronaut, detect(astronaut)[0]).points[:, :2]
    turn = Similarity.from_parts(degrees=degrees)
    ((x, y),) = turn.apply([[220.0, 130.0]])
    turn = Similarity(turn.a, turn.b, 256 - x, 256 - y)
    scene = cv2.warpAffine(astronaut, turn.matrix(), (512, 512), borderMode=cv2.BORDER_REPLICATE)
    found = fit_mesh(scene, detect(scene)[0]).points[:, :2]
    eyes = np.linalg.norm(straight[33] - straight[263])
    assert np.linalg.norm(found - turn.apply(straight), axis=1).mean() / eyes < 0.03


def test_a_face_without_finite_points_is_a_named_error(astronaut):
    (face,) = detect(astronaut)
    broken = type(face)(face.box, face.score, np.full((6, 2), np.nan))
    with pytest.raises(GeometryError):
        fit_mesh(astronaut, broken)
    with pytest.raises(GeometryError):
        align(broken.points, 48)


def test_alignment_keeps_to_its_golden_values():
    """The browser's ``align`` is held to the same file."""
    for case in json.loads((GOLDEN / "align.json").read_text()):
        found = align(case["points"], case["size"]).as_list()
        assert np.allclose(found, case["transform"], atol=1e-6), case["name"]


@pytest.mark.parametrize("size", SIZES)
def test_the_aligned_crop_keeps_to_its_golden_picture(astronaut, size):
    golden = np.load(GOLDEN / "crops.npz")
    crop = warp(astronaut, align(golden["points"], size), size)
    # OpenCV rounds differently with other CPU instructions, by a level or two.
    assert np.abs(crop.astype(int) - golden[f"crop_{size}"]).mean() < 0.5


def test_eyes_and_mouth_come_to_their_places(astronaut):
    (face,) = detect(astronaut)
    right, left, mouth = align(face.points, 256).apply(face.points[[0, 1, 3]])
    assert right == pytest.approx([0.33 * 256, 0.36 * 256], abs=8)
    assert left == pytest.approx([0.67 * 256, 0.36 * 256], abs=8)
    assert mouth == pytest.approx([0.5 * 256, 0.724 * 256], abs=8)


def test_crops_of_all_sizes_show_the_same(astronaut):
    (face,) = detect(astronaut)
    for size in SIZES:
        direct = align(face.points, size)
        assert np.allclose(resized(align(face.points, 256), 256, size).matrix(), direct.matrix())
        around = direct.inverse().apply(direct.apply(face.points))
        assert np.abs(around - face.points).max() < 0.05


@pytest.mark.parametrize("shrink", [0.9, 0.45, 0.21, 0.083, 0.031])
def test_shrinking_averages_instead_of_aliasing(shrink):
    """A fine chessboard has to come out as even grey, whatever the size and the angle."""
    checks = (np.indices((2400, 2400)).sum(axis=0) % 2 * 255).astype(np.uint8)
    size = 64
    turn = Similarity.from_parts(scale=shrink, degrees=11)
    ((x, y),) = turn.apply([[1200.0, 1200.0]])
    crop = warp(checks, Similarity(turn.a, turn.b, size / 2 - x, size / 2 - y), size)
    inner = crop[8:-8, 8:-8].astype(float)
    assert inner.mean() == pytest.approx(127.5, abs=3)
    assert inner.std() < (40 if shrink > 0.5 else 9)


def test_a_crop_is_the_same_at_every_scale_of_its_photo(astronaut):
    """Shrinking a photo first and cropping then gives what cropping the large one gives, to a fraction of a pixel."""
    points = detect(astronaut)[0].points
    for factor in (3, 5, 8):
        large = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        crop = warp(large, align((points + 0.5) * factor - 0.5, 48), 48)
        reference = warp(astronaut, align(points, 48), 48)
        assert np.abs(crop.astype(int) - reference).mean() < 2.5


def test_a_crop_beside_the_picture_is_black():
    image = np.full((40, 40, 3), 200, np.uint8)
    for scale in (2.0, 0.7, 0.05):
        crop = warp(image, Similarity.from_parts(scale=scale, shift=(9000, 9000)), 32)
        assert crop.shape == (32, 32, 3)
        assert crop.max() == 0
