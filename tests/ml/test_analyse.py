"""What is said of a picture and its faces."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.faces.analyse import FaceAnalyser
from ml.faces.covered import weight_of_eyes, weight_of_mouth
from ml.faces.detect import detect
from ml.faces.mesh import fit_mesh
from ml.faces.phash import hash_distance, perceptual_hash
from ml.faces.pose import Pose, keypoint_visibility, pose_from_mesh
from ml.faces.quality import MEASURING_SIZE, Thresholds, exposure, sharpness
from ml.geometry import Box, GeometryError
from ml.landmarks import KEYPOINT_NAMES
from ml.looks import picture_difference
from ml.masks.styles import STYLES
from ml.masks.synthesize import synthesize
from ml.pictures import read_picture


@pytest.fixture(scope="module")
def analysis(astronaut):
    return FaceAnalyser().analyse(astronaut)


def test_a_good_picture_has_one_face_and_no_flags(analysis):
    assert (analysis.width, analysis.height) == (512, 512)
    assert len(analysis.faces) == 1
    assert analysis.flags == {}
    assert analysis.subject.flags == {}
    assert analysis.subject.mesh.shape == (468, 3)
    assert analysis.subject.keypoints.shape == (15, 2)
    assert analysis.subject.visibility.tolist() == [1.0] * 15
    assert list(analysis.subject.named_keypoints()) == list(KEYPOINT_NAMES)


def test_keypoints_go_from_photo_to_crop_and_back(analysis):
    face = analysis.subject
    for size in (48, 96, 256):
        transform = face.transform_for(size)
        inside = transform.apply(face.keypoints)
        assert inside.min() > 0
        assert inside.max() < size
        assert np.abs(transform.inverse().apply(inside) - face.keypoints).max() < 0.05


def test_a_trained_model_may_place_the_keypoints_instead(astronaut, analysis):
    class MeanFace:
        input_size = 96

        def predict(self, crops):
            assert crops.shape == (1, 96, 96, 3)
            assert np.array_equal(crops[0], analysis.subject.crop(astronaut, 96))
            return np.full((1, 15, 2), 40.0) + np.arange(15)[None, :, None]

    found = FaceAnalyser(keypoints=MeanFace()).analyse(astronaut).subject
    in_crop = found.transform_for(96).apply(found.keypoints)
    assert np.abs(in_crop[:, 0] - (40 + np.arange(15))).max() < 0.05
    assert np.array_equal(found.mesh, analysis.subject.mesh)
    assert found.visibility.tolist() == [1.0] * 15


def test_a_picture_without_a_face_says_so():
    analysis = FaceAnalyser().analyse(np.full((300, 400, 3), 128, np.uint8))
    assert analysis.faces == []
    assert analysis.subject is None
    assert list(analysis.flags) == ["no_face"]


def scene_of_two(astronaut, left_side, right_side):
    """The same face twice on 400×800, in squares of these sides; the right one stands in the middle."""
    face = astronaut[20:276, 100:356]
    scene = np.full((400, 800, 3), 128, np.uint8)
    for side, middle in ((left_side, 130), (right_side, 400)):
        square = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        top, left = 200 - side // 2, middle - side // 2
        scene[top : top + side, left : left + side] = square
    return scene


@pytest.mark.parametrize(
    ("left_side", "right_side", "subject"), [(240, 260, 400), (256, 240, 400), (240, 150, 130)]
)
def test_the_largest_central_face_is_the_subject(astronaut, left_side, right_side, subject):
    analysis = FaceAnalyser().analyse(scene_of_two(astronaut, left_side, right_side))
    assert abs(analysis.subject.box.center[0] - subject) < 60


def test_another_face_of_similar_size_is_flagged(astronaut):
    scene = scene_of_two(astronaut, 240, 240)
    analysis = FaceAnalyser().analyse(scene)
    assert len(analysis.faces) == 2
    assert analysis.flags["several_faces"] == 2
    assert "several_faces" not in FaceAnalyser(Thresholds(similar_face=1.5)).analyse(scene).flags


def changed(image, kind):
    if kind == "blurred":
        return cv2.GaussianBlur(image, (0, 0), 4)
    if kind == "dark":
        return (image * 0.2).astype(np.uint8)
    if kind == "bright":
        return np.clip(image * 0.25 + 200, 0, 255).astype(np.uint8)
    if kind == "flat":
        return (image * 0.12 + 110).astype(np.uint8)
    if kind == "clipped":
        return np.clip((image.astype(float) - 110) * 4 + 110, 0, 255).astype(np.uint8)
    if kind == "too_small":
        return cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    if kind == "cut_by_border":
        return np.ascontiguousarray(image[:, 215:])
    if kind == "tilted":
        turn = cv2.getRotationMatrix2D((220, 130), 42, 1.0)
        return cv2.warpAffine(image, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind", ["blurred", "dark", "bright", "flat", "clipped", "too_small", "cut_by_border", "tilted"]
)
def test_each_fault_raises_its_flag_with_the_measured_value(astronaut, kind):
    flags = FaceAnalyser().analyse(changed(astronaut, kind)).flags
    assert kind in flags
    assert np.isfinite(flags[kind])


@pytest.mark.parametrize("style", ["surgical-blue", "cloth-plain", "ffp2", "half-mask"])
def test_a_mask_covers_the_mouth(astronaut, analysis, style):
    masked = synthesize(astronaut, analysis.subject.mesh, STYLES[style], np.random.default_rng(0)).image
    flags = FaceAnalyser().analyse(masked).flags
    assert flags["mouth_covered"] < 3
    assert "eyes_covered" not in flags


def test_a_hand_before_the_eyes_covers_them(astronaut, analysis):
    hand = astronaut.copy()
    x, y, w, _ = (int(v) for v in analysis.subject.box.as_list())
    fingers = np.array([205.0, 160, 140]) + np.random.default_rng(0).normal(0, 6, (30, w, 1))
    hand[y + 15 : y + 45, x : x + w] = cv2.GaussianBlur(fingers, (0, 0), 2).clip(0, 255)
    flags = FaceAnalyser().analyse(hand).flags
    assert flags["eyes_covered"] < 3
    assert "mouth_covered" not in flags


def test_a_free_face_rests_on_mouth_and_eyes(astronaut, analysis):
    mesh = fit_mesh(astronaut, detect(astronaut)[0])
    assert weight_of_mouth(astronaut, mesh) > 5
    assert weight_of_eyes(astronaut, mesh) > 5
    assert mesh.logit > 20


def test_thresholds_are_the_callers(astronaut):
    strict = FaceAnalyser(Thresholds(min_face_pixels=400, min_sharpness=2.0)).analyse(astronaut)
    assert {"too_small", "blurred"} <= set(strict.flags)
    assert strict.flags["too_small"] == pytest.approx(strict.subject.box.h)
    with pytest.raises(AttributeError):
        Thresholds().min_sharpness = 1  # type: ignore[misc]


def test_blur_in_the_background_is_no_matter(astronaut, analysis):
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 8)
    x, y, w, h = (int(v) for v in analysis.subject.box.scaled(1.6).as_list())
    blurred[y : y + h, x : x + w] = astronaut[y : y + h, x : x + w]
    sharp = FaceAnalyser().analyse(blurred).subject.sharpness
    assert sharp == pytest.approx(analysis.subject.sharpness, rel=0.1)


def test_sharpness_falls_with_blur_and_not_with_light(astronaut, analysis):
    crop = analysis.subject.crop(astronaut, MEASURING_SIZE)
    values = [sharpness(cv2.GaussianBlur(crop, (0, 0), s)) for s in (0.6, 1, 1.5, 2, 3)]
    assert values == sorted(values, reverse=True)
    assert sharpness((crop * 0.6).astype(np.uint8)) == pytest.approx(sharpness(crop), rel=0.15)


def test_exposure_measures_the_face(astronaut, analysis):
    crop = analysis.subject.crop(astronaut, MEASURING_SIZE)
    light = exposure(crop)
    assert 120 < light.brightness < 200
    assert exposure((crop * 0.5).astype(np.uint8)).brightness == pytest.approx(light.brightness / 2, abs=2)
    assert exposure(np.full_like(crop, 255)).clipped_bright == 1
    assert exposure(np.zeros_like(crop)).clipped_dark == 1


def test_a_head_turned_in_the_picture_has_that_roll(astronaut, analysis):
    turn = cv2.getRotationMatrix2D((220, 130), -20, 1.0)  # OpenCV counts against the clock
    scene = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    turned = FaceAnalyser().analyse(scene).subject
    assert turned.pose.roll == pytest.approx(analysis.subject.pose.roll + 20, abs=3)
    assert turned.pose.yaw == pytest.approx(analysis.subject.pose.yaw, abs=5)


def test_a_mirrored_head_is_turned_the_other_way(astronaut, analysis):
    mirrored = FaceAnalyser().analyse(np.ascontiguousarray(astronaut[:, ::-1])).subject
    assert mirrored.pose.yaw == pytest.approx(-analysis.subject.pose.yaw, abs=4)
    assert mirrored.pose.roll == pytest.approx(-analysis.subject.pose.roll, abs=4)
    assert mirrored.pose.pitch == pytest.approx(analysis.subject.pose.pitch, abs=4)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (0, -20, 0), (0, 0, 35), (-25, 15, 10)]
)
def test_pose_is_read_off_a_turned_mesh(analysis, yaw, pitch, roll):
    mesh = analysis.subject.mesh
    base = pose_from_mesh(mesh)

    def rotation(pose):
        a, b, c = np.radians([-pose.yaw, -pose.pitch, pose.roll])
        about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
        return about_z @ about_y @ about_x

    straight = mesh @ rotation(base)  # its own turn undone
    wanted = Pose(yaw, pitch, roll)
    found = pose_from_mesh(straight @ rotation(wanted).T)
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=0.01)


def test_the_nose_points_where_the_yaw_says(analysis):
    mesh = analysis.subject.mesh
    nose = mesh[1, 0] - (mesh[33, 0] + mesh[263, 0]) / 2
    assert np.sign(nose) == np.sign(analysis.subject.pose.yaw)


def test_a_mesh_that_is_none_is_a_named_error():
    for mesh in (np.zeros((468, 3)), np.full((468, 3), np.nan), np.zeros((10, 3))):
        with pytest.raises(GeometryError):
            pose_from_mesh(mesh)


def test_points_on_the_far_side_or_outside_are_not_visible():
    points = np.full((15, 2), 50.0)
    far = keypoint_visibility(points, Pose(yaw=60, pitch=0, roll=0), 100, 100)
    seen = dict(zip(KEYPOINT_NAMES, far, strict=True))
    assert seen["left_eyebrow_outer_end"] == 0
    assert seen["right_eyebrow_outer_end"] == 1
    assert seen["nose_tip"] == 1
    points[3] = [130, 50]
    assert keypoint_visibility(points, Pose(0, 0, 0), 100, 100).tolist().count(0) == 1


def test_a_face_off_the_border_keeps_finite_values(astronaut):
    for part in (astronaut[:, 225:], astronaut[110:, :], astronaut[:140]):
        for face in FaceAnalyser().analyse(np.ascontiguousarray(part)).faces:
            assert np.isfinite(face.mesh).all()
            assert np.isfinite(face.keypoints).all()


#: How a camera stores an upright scene that it marks with this EXIF orientation.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_same_face_is_found_however_the_camera_was_held(astronaut, orientation):
    image = Image.fromarray(astronaut[:400])
    if orientation in STORED_AS:
        image = image.transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif)
    analysis = FaceAnalyser().analyse(read_picture(buffer.getvalue()))
    straight = FaceAnalyser().analyse(astronaut[:400]).subject
    assert (analysis.width, analysis.height) == (512, 400)
    assert analysis.subject.box.iou(straight.box) > 0.9


def test_the_hash_survives_size_and_compression(astronaut):
    reference = perceptual_hash(astronaut)
    assert len(reference) == 16
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    assert hash_distance(reference, perceptual_hash(half)) <= 2
    _, packed = cv2.imencode(".jpg", astronaut, [cv2.IMWRITE_JPEG_QUALITY, 40])
    assert hash_distance(reference, perceptual_hash(cv2.imdecode(packed, 1))) <= 4
    brighter = np.clip(astronaut * 0.8 + 20, 0, 255).astype(np.uint8)
    assert hash_distance(reference, perceptual_hash(brighter)) <= 4


def test_the_hash_tells_other_pictures_apart(astronaut, small_faces):
    reference = perceptual_hash(astronaut)
    assert hash_distance(reference, perceptual_hash(np.ascontiguousarray(astronaut[:, ::-1]))) > 10
    hashes = [perceptual_hash(np.repeat(face[..., None], 3, axis=2)) for face in small_faces]
    near = [hash_distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert np.median(near) > 16
    with pytest.raises(ValueError, match="16"):
        hash_distance(reference, "12")


def test_a_copy_differs_less_than_another_expression(astronaut, analysis):
    box = analysis.subject.box
    small = cv2.resize(astronaut, None, fx=0.37, fy=0.37, interpolation=cv2.INTER_AREA)
    dull = (astronaut * 0.6 + 40).astype(np.uint8)
    assert picture_difference(astronaut, astronaut, box) == 0
    assert picture_difference(astronaut, small, box) < 10
    assert picture_difference(astronaut, dull, box) < 3
    open_mouth = astronaut.copy()
    open_mouth[155:172, 205:245] = (70, 20, 25)
    assert picture_difference(astronaut, open_mouth, box) > 14
    with pytest.raises(GeometryError, match="side"):
        picture_difference(astronaut, small, Box(10, 10, 0, 0))


def test_pictures_that_show_no_face_give_none(small_faces):
    """The hundred non-faces of the subset, enlarged."""
    analyser = FaceAnalyser()
    found = 0
    for grey in small_faces[100:]:
        picture = cv2.resize(np.repeat(grey[..., None], 3, axis=2), (200, 200), interpolation=cv2.INTER_CUBIC)
        found += bool(analyser.analyse(picture).faces)
    assert found <= 1


@pytest.mark.samples
def test_nearly_every_sample_photo_has_a_face(samples):
    analyser = FaceAnalyser()
    for folder in ("photos", "selfies"):
        files = sorted((samples / folder).glob("*.jpg"))[::15]
        found = sum(bool(analyser.analyse(read_picture(file)).faces) for file in files)
        assert found >= 0.99 * len(files)


@pytest.mark.samples
def test_the_eight_orientations_become_one_picture(samples):
    """The scene shows somebody from behind: what has to agree is the picture, and that nobody is seen in it."""
    pictures = [read_picture(file) for file in sorted((samples / "orientation").glob("*.jpg"))]
    assert len(pictures) == 8
    small = [cv2.resize(p, (60, 90), interpolation=cv2.INTER_AREA).astype(int) for p in pictures]
    assert {picture.shape for picture in pictures} == {pictures[0].shape}
    assert max(np.abs(picture - small[0]).mean() for picture in small) < 3
    assert not any(FaceAnalyser().analyse(picture).faces for picture in pictures[:2])
