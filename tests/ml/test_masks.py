"""Masks sit where masks sit, leave eyes and background alone, and are the same for the same seed."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from ml.faces.analyse import FaceAnalyser
from ml.landmarks import KEYPOINT_NAMES, keypoints_from_mesh
from ml.masks import command
from ml.masks.fit import BELOW_NOSE, PROPER, Wearing, draw_wearing
from ml.masks.raster import draw, grid_triangles
from ml.masks.styles import STYLES, MaskStyle, draw_style
from ml.masks.surface import average_face, face_sheet
from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize
from ml.pictures import read_picture

EYES = [i for i, name in enumerate(KEYPOINT_NAMES) if "eye_" in name]
NOSE_TIP = KEYPOINT_NAMES.index("nose_tip")
STRAIGHT = Wearing(PROPER, 0.0, 0.0, 0.0, 1.0)
LOW = Wearing(BELOW_NOSE, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture(scope="module")
def face(astronaut):
    """(picture, mesh) of the astronaut."""
    return astronaut, FaceAnalyser().analyse(astronaut).subject.mesh


def alpha_at(alpha, points):
    """The mask's alpha at points, looked up at the pixels around each; 0 outside of the picture."""
    found = []
    for x, y in np.asarray(points):
        x, y = int(np.floor(x)), int(np.floor(y))
        around = alpha[max(y, 0) : max(y + 2, 0), max(x, 0) : max(x + 2, 0)]
        found.append(int(around.max()) if around.size else 0)
    return np.array(found)


def turned(mesh, yaw):
    """The mesh turned by ``yaw`` degrees about its own middle."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    middle = mesh.mean(axis=0)
    return (mesh - middle) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + middle


@pytest.mark.parametrize("name", STYLES)
def test_every_style_covers_mouth_and_chin_and_leaves_eyes_and_background(face, name):
    image, mesh = face
    masked = synthesize(image, mesh, STYLES[name], np.random.default_rng(1), wearing=STRAIGHT)
    assert masked.image.shape == image.shape
    assert masked.image.dtype == masked.alpha.dtype == np.uint8
    keypoints = keypoints_from_mesh(mesh)
    mouth = [i for i, point in enumerate(KEYPOINT_NAMES) if "mouth" in point]
    assert (alpha_at(masked.alpha, keypoints[mouth]) == 255).all()
    assert (alpha_at(masked.alpha, keypoints[[NOSE_TIP]]) == 255).all()
    assert (alpha_at(masked.alpha, mesh[[152, 200], :2]) > 200).all()  # chin
    assert (alpha_at(masked.alpha, keypoints[EYES]) == 0).all()
    assert 0.005 < (masked.alpha == 255).mean() < 0.2
    assert np.array_equal(masked.image[masked.alpha == 0], image[masked.alpha == 0])
    assert (masked.image[masked.alpha == 255] != image[masked.alpha == 255]).any(axis=1).mean() > 0.8


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(face):
    image, mesh = face
    first, again, other = (
        synthesize(image, mesh, STYLES["surgical-blue"], np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert first.image.tobytes() == again.image.tobytes()
    assert first.alpha.tobytes() == again.alpha.tobytes()
    assert first.parameters == again.parameters
    assert first.image.tobytes() != other.image.tobytes()


def test_the_picture_that_came_in_is_not_written_to(face):
    image, mesh = face
    before, points = image.copy(), mesh.copy()
    synthesize(image, mesh, STYLES["kn95"], np.random.default_rng(0))
    assert np.array_equal(image, before)
    assert np.array_equal(mesh, points)


@pytest.mark.parametrize("name", ["surgical-blue", "cloth-dots", "kn95-valve"])
@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_a_mask_worn_below_the_nose_leaves_the_nose_free(face, name, yaw):
    image, mesh = face
    mesh = turned(mesh, yaw)
    masked = synthesize(image, mesh, STYLES[name], np.random.default_rng(0), wearing=LOW)
    keypoints = keypoints_from_mesh(mesh)
    assert (alpha_at(masked.alpha, keypoints[[*EYES, NOSE_TIP]]) == 0).all()
    assert alpha_at(masked.alpha, keypoints[[KEYPOINT_NAMES.index("mouth_center_bottom_lip")]])[0] == 255


def test_a_window_is_seen_through_and_throws_light_back(face):
    image, mesh = face
    masked = synthesize(image, mesh, STYLES["gas-mask"], np.random.default_rng(0), wearing=STRAIGHT)
    left, right = mesh[105, 0].round().astype(int), mesh[334, 0].round().astype(int)
    top, bottom = mesh[151, 1].round().astype(int), mesh[9, 1].round().astype(int)
    window = np.s_[min(top, bottom) : max(top, bottom) + 1, min(left, right) : max(left, right)]
    alpha = masked.alpha[window]
    assert (alpha > 0).all()
    assert alpha.max() < 200
    seen = np.corrcoef(image[window].mean(axis=2).ravel(), masked.image[window].mean(axis=2).ravel())
    assert seen[0, 1] > 0.5
    rim = alpha_at(masked.alpha, [mesh[9, :2]])[0]
    assert rim > alpha_at(masked.alpha, [mesh[168, :2]])[0]  # the ceiling's light, and none between the eyes


@pytest.mark.parametrize("yaw", [-45, -25, 25, 45])
@pytest.mark.parametrize("name", ["surgical-green", "kn95", "half-mask", "gas-mask"])
def test_on_a_turned_face_the_mask_turns_with_it(face, name, yaw):
    image, mesh = face
    straight = synthesize(image, mesh, STYLES[name], np.random.default_rng(0), wearing=STRAIGHT)
    mesh = turned(mesh, yaw)
    masked = synthesize(image, mesh, STYLES[name], np.random.default_rng(0), wearing=STRAIGHT)
    assert (alpha_at(masked.alpha, keypoints_from_mesh(mesh)[EYES]) == 0).all()
    assert (alpha_at(masked.alpha, mesh[[13, 14, 17], :2]) == 255).all()
    # The side that is turned away is foreshortened: the chin is off the middle of the mask.
    columns = np.flatnonzero((masked.alpha == 255).any(axis=0))
    middle = (columns[0] + columns[-1]) / 2
    still = np.flatnonzero((straight.alpha == 255).any(axis=0))
    assert abs(mesh[1, 0] - middle) > abs(face[1][1, 0] - (still[0] + still[-1]) / 2) + 3


def test_the_light_of_the_photo_falls_on_the_mask(face):
    image, mesh = face
    ramp = np.clip(np.linspace(1.6, 0.3, image.shape[1]) - 0.15, 0.25, 1.2)[None, :, None]
    middle = int(mesh[1, 0])
    ramp = np.roll(ramp, middle - image.shape[1] // 2, axis=1)
    lit = np.clip(image * ramp, 0, 255).astype(np.uint8)
    dark = (image * 0.35).astype(np.uint8)
    style = STYLES["surgical-white"]
    plain, sided, dim = (
        synthesize(picture, mesh, style, np.random.default_rng(0), wearing=STRAIGHT)
        for picture in (image, lit, dark)
    )
    inside = plain.alpha == 255
    assert dim.image[inside].mean() < 0.6 * plain.image[inside].mean()
    columns = np.arange(image.shape[1])[None, :]
    left, right = inside & (columns < middle - 10), inside & (columns > middle + 10)

    def tilt(masked):
        return masked.image[left].mean() / masked.image[right].mean()

    assert tilt(sided) > 1.04 * tilt(plain)


def test_in_a_grey_photo_the_mask_is_grey(face):
    image, mesh = face
    grey = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    masked = synthesize(grey, mesh, STYLES["surgical-blue"], np.random.default_rng(0))
    assert np.ptp(masked.image.astype(int), axis=2).max() <= 1


def test_edges_have_no_fringe(face):
    """Between skin and a mask of the skin's own colour there is no line that is lighter than both."""
    image, mesh = face
    flat = np.full_like(image, 120)
    masked = synthesize(flat, mesh, STYLES["surgical-black"], np.random.default_rng(0), wearing=STRAIGHT)
    rim = (masked.alpha > 20) & (masked.alpha < 235)
    # Straps and mask are dark: nothing at their edges may be brighter than the plain grey around.
    light_rim = STYLES["surgical-black"].third  # the inner layer that shows at the hems
    assert light_rim[0] > 200
    assert (masked.image[rim].max(axis=1) > 160).mean() < 0.01


def test_bad_meshes_have_named_errors(face):
    image, mesh = face
    rng, style = np.random.default_rng(0), STYLES["kn95"]
    broken = mesh.copy()
    broken[7, 1] = np.nan
    line = mesh.copy()
    line[:, 1] = line[:, 0]
    for bad in (broken, np.zeros((468, 3)), mesh[:, :2], mesh[:100], line, mesh * 1e9):
        with pytest.raises(DegenerateMeshError):
            synthesize(image, bad, style, rng)
    with pytest.raises(NoRoomError):
        synthesize(image, mesh + np.array([5000, 0, 0]), style, rng)
    with pytest.raises(ValueError, match="RGB uint8"):
        synthesize(image.astype(np.float32), mesh, style, rng)


@pytest.mark.parametrize("scale", [0.12, 0.4, 3.0])
def test_faces_of_any_size_get_a_mask(face, scale):
    image, mesh = face
    small = np.asarray(Image.fromarray(image).resize((round(512 * scale),) * 2))
    masked = synthesize(
        small, mesh * scale, STYLES["cloth-checks"], np.random.default_rng(0), wearing=STRAIGHT
    )
    assert alpha_at(masked.alpha, mesh[[13], :2] * scale)[0] == 255


@pytest.mark.parametrize("box", [(150, 60, 230, 200), (200, 40, 330, 160), (180, 90, 260, 150)])
def test_faces_cut_by_the_border_get_what_fits(face, box):
    image, mesh = face
    left, top, right, bottom = box
    part = image[top:bottom, left:right]
    for name in ("surgical-blue", "half-mask", "gas-mask"):
        masked = synthesize(part, mesh - [left, top, 0], STYLES[name], np.random.default_rng(0))
        assert masked.image.shape == part.shape
        assert np.array_equal(masked.image[masked.alpha == 0], part[masked.alpha == 0])


def test_the_share_worn_low_is_the_stated_one():
    style = MaskStyle("some", "cloth", (10, 20, 30), low_share=0.3, slipped_share=0.2)
    rng = np.random.default_rng(0)
    how = [draw_wearing(style, rng).how for _ in range(3000)]
    assert abs(how.count(BELOW_NOSE) / 3000 - 0.3) < 0.03
    assert abs(how.count("slipped") / 3000 - 0.2) < 0.03
    assert {draw_wearing(STYLES["half-mask"], rng).how for _ in range(300)} == {PROPER}


def test_styles_are_drawn_from_all_kinds_and_survive_json():
    rng = np.random.default_rng(0)
    drawn = [draw_style(rng) for _ in range(1500)]
    assert {style.name for style in drawn} == set(STYLES)
    assert all(MaskStyle.from_dict(json.loads(json.dumps(style.as_dict()))) == style for style in drawn[:50])
    assert [draw_style(np.random.default_rng(3)) for _ in range(2)] == [
        draw_style(np.random.default_rng(3))
    ] * 2
    for wrong in ({"family": "hat"}, {"low_share": -0.1}, {"low_share": 0.8, "slipped_share": 0.4}):
        with pytest.raises(ValueError, match=r"cut|shares"):
            MaskStyle(**{"name": "x", "family": "cloth", "base": (1, 2, 3), **wrong})
    with pytest.raises(ValueError, match="colour"):
        MaskStyle("x", "cloth", (1, 2, 300))


def test_the_average_face_is_symmetric_and_its_own_sheet():
    face = average_face()
    assert face.shape == (468, 3)
    mirrored = face * [-1, 1, 1]
    nearest = np.linalg.norm(face[:, None] - mirrored[None], axis=2).min(axis=1)
    assert nearest.max() < 0.002
    sheet = face_sheet(face * 100)
    assert abs(sheet.scale - 100) < 0.5
    # The tip of the nose is where the sheet says, but for what is smoothed away.
    tip = sheet.at(np.array([0.0], np.float32), np.array([0.45], np.float32))[0]
    assert np.linalg.norm(tip - face[1] * 100) < 12


def test_nearer_surfaces_hide_farther_ones():
    y, x = np.mgrid[:3, :3].astype(np.float32)
    atlas = np.column_stack([x.ravel(), y.ravel()])
    far = np.column_stack([x.ravel() * 10, y.ravel() * 10, np.full(9, 5)]).astype(np.float32)
    near = far * np.array([0.5, 1, 1], np.float32) - np.array([0, 0, 4], np.float32)
    triangles = grid_triangles(3, 3)
    seen = draw(far, atlas, triangles, 21, 21)
    np.testing.assert_allclose(seen.column[4, :], np.arange(21) / 10, atol=1e-3)
    np.testing.assert_allclose(seen.row[:, 7], np.arange(21) / 10, atol=1e-3)
    # One body that folds over itself: the nearer part is what is seen.
    folded = np.concatenate([far, near])
    both = draw(folded, np.concatenate([atlas, atlas]), np.concatenate([triangles, triangles + 9]), 21, 21)
    assert (both.depth[:, :10] == 1).all()
    assert (both.depth[:, 12:] == 5).all()
    np.testing.assert_allclose(both.column[4, 5], 1.0, atol=1e-3)


def test_the_command_writes_pictures_and_says_what_it_did(astronaut, tmp_path, capsys):
    Image.fromarray(astronaut).save(tmp_path / "face.png")
    Image.fromarray(np.full((100, 100, 3), 90, np.uint8)).save(tmp_path / "nobody.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8nothing")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = tmp_path / "out"
    files = [str(tmp_path / name) for name in ("face.png", "nobody.png", "broken.jpg", "face.png")]
    options = parser.parse_args([*files, "--style", "kn95", "--seed", "4", "--out", str(out), "--json"])
    assert options.run(options) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [("error" in row) for row in rows] == [False, True, True, False]
    masked, alpha = (read_picture(rows[0][name]) for name in ("masked", "alpha"))
    assert np.array_equal(masked[alpha[..., 0] == 0], astronaut[alpha[..., 0] == 0])
    assert rows[0]["style"]["name"] == "kn95"
    assert rows[3]["masked"] != rows[0]["masked"]
    options = parser.parse_args([files[0], "--seed", "4", "--out", str(out)])
    assert options.run(options) == 0
    assert "→" in capsys.readouterr().out


@pytest.mark.samples
def test_on_a_thousand_faces_no_mask_reaches_an_eye(samples):
    analyser = FaceAnalyser()
    rng = np.random.default_rng(0)
    faces = low = 0
    for file in sorted((samples / "photos").glob("*.jpg")):
        image = read_picture(str(file))
        subject = analyser.analyse(image).subject
        if subject is None:
            continue
        masked = synthesize(image, subject.mesh, draw_style(rng), rng)
        faces += 1
        assert (alpha_at(masked.alpha, subject.keypoints[EYES]) == 0).all(), file.name
        if masked.parameters["wearing"]["how"] == BELOW_NOSE:
            low += 1
            assert alpha_at(masked.alpha, subject.keypoints[[NOSE_TIP]])[0] == 0, file.name
        assert np.array_equal(masked.image[masked.alpha == 0], image[masked.alpha == 0])
        if faces == 1000:
            break
    assert faces == 1000
    assert 70 < low < 150
