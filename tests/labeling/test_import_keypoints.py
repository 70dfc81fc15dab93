"""Faces with keypoints from Kaggle's CSV and from COCO's JSON."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from collector.models import ImportBatch, Participant, Photo
from labeling.analysis import photo_analyse
from labeling.imports import tables
from labeling.keypoints import face_sheet, keypoints_best
from labeling.models import ImportedFace
from ml.data.keypoint_sources import COLUMNS
from ml.landmarks import KEYPOINT_NAMES
from tests.collector.pictures import jpeg_of
from tests.conftest import SAMPLES

WORDS = {"source": "Kaggle", "licence": "research", "legal_basis": "research"}
SIDE = 96


def grey(seed: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    return blocks.repeat(16, 0).repeat(16, 1)


def record(seed: int, **changes: Any) -> dict[str, Any]:
    """A face whose eyes and mouth stand where they do on most."""
    x = [62, 34, 55, 68, 41, 28, 56, 74, 40, 22, 48, 60, 36, 48, 48]
    y = [36, 36, 37, 37, 37, 37, 26, 28, 26, 28, 54, 70, 70, 66, 76]
    points = dict(zip(COLUMNS, np.stack([x, y], axis=1).ravel() + seed / 8, strict=True))
    return {**points, "person": f"person {seed}", "Image": " ".join(map(str, grey(seed).ravel())), **changes}


def write(path: Path, records: list[dict[str, Any]], columns: list[str] | None = None) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or list(records[0]), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(records)
    data = out.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def bring_in(command: str, path: Path, *more: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, str(path), *more, **WORDS, **options, stdout=out, stderr=out)
    return out.getvalue()


def nothing_there() -> bool:
    return not any(model.objects.exists() for model in (ImportBatch, Participant, Photo))


def test_kaggles_csv_comes_in_with_its_points_and_blanks_stay_missing(
    db: None, private_folder: Path, tmp_path: Path
) -> None:
    blank = {"nose_tip_x": "", "nose_tip_y": ""}
    path = write(
        tmp_path / "a.csv.gz", [record(1), record(2, **blank), record(3, **dict.fromkeys(COLUMNS, ""))]
    )
    assert "3 new, 0 there before, 0 refused" in bring_in("import_keypoints", path, accept=True)
    assert "0 new, 3 there before, 0 refused" in bring_in("import_keypoints", path, accept=True)
    assert Participant.objects.count() == Photo.objects.trainable().count() == 3
    assert set(Photo.objects.values_list("accepted_as__slug", "import_batch__source")) == {
        ("straight-face", "Kaggle")
    }
    seen = {}
    for photo in Photo.objects.all():
        stored = np.asarray(Image.open(default_storage.open(photo.file)).convert("L"), dtype=int)
        number = min((1, 2, 3), key=lambda seed: abs(stored - grey(seed)).mean())
        assert abs(stored - grey(number)).mean() < 4
        photo_analyse(photo_id=photo.pk)
        seen[number] = photo
    assert not ImportedFace.objects.exists()
    assert not seen[3].faces.exists(), "nothing is said of a face, and there is none"
    for number in (1, 2):
        face = seen[number].faces.get()
        best = keypoints_best(face)
        expected = np.array([record(number)[column] for column in COLUMNS]).reshape(15, 2).tolist()
        nose = KEYPOINT_NAMES.index("nose_tip")
        if number == 2:
            expected[nose] = [None, None]
            assert [index for index, shown in enumerate(best.visible) if not shown] == [nose]
        assert (best.source, best.points) == ("human", expected)
        assert face.crop
        assert face.is_subject
        assert "uncertain" in face.flags, "no detector has seen it"
        sheet = face_sheet(face)
        assert all(None not in point for point in sheet["sets"]["human"]["points"])
        eyes = sheet["sets"]["human"]["points"][:2]
        assert abs(eyes[0][1] - eyes[1][1]) < 8, "it is cut out by its eyes"


def test_face_that_detectors_see_keeps_their_crop_and_the_points_of_the_import(
    db: None, private_folder: Path, tmp_path: Path, astronaut: np.ndarray
) -> None:
    picture = Image.fromarray(astronaut).crop((130, 30, 322, 222)).convert("L").resize((SIDE, SIDE))
    pixels = " ".join(map(str, np.asarray(picture).ravel()))
    path = write(tmp_path / "a.csv", [record(1, Image=pixels, smiley="smile")])
    bring_in("import_keypoints", path)
    photo = Photo.objects.get()
    photo_analyse(photo_id=photo.pk)
    face = photo.faces.get(is_subject=True)
    assert face.score > 0.5
    assert set(face.keypoint_sets.values_list("source", flat=True)) == {"human", "mesh"}
    photo.refresh_from_db()
    assert (photo.smiley.slug, photo.state) == ("smile", "in_review")


def test_same_picture_again_is_left_out_and_said(db: None, private_folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [record(1), record(2), record(1, person="somebody else")])
    said = bring_in("import_keypoints", path)
    assert "Line 4: the picture of Line 2 again; it is left out." in said
    assert "2 new" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Image": "1 2 3"}, "Line 3: Image has 3 values, and not 9,216"),
        ({"Image": "256 " * 9216}, "Line 3: Image has a value that is no whole number from 0 to 255"),
        ({"Image": "1.5 " * 9216}, "Line 3: Image has a value that is no whole number"),
        ({"Image": f"{10**30} " * 9216}, "Line 3: Image has a value that is no whole number"),
        ({"nose_tip_x": "nan"}, "Line 3: nose_tip_x is 'nan', which is no number"),
        ({"nose_tip_x": "inf"}, "Line 3: nose_tip_x is 'inf', which is no number"),
        ({"nose_tip_x": "left"}, "Line 3: nose_tip_x is 'left', which is no number"),
        ({"nose_tip_x": "9600"}, "Line 3: a point lies far outside"),
        ({"person": ""}, "Line 3: the column person is empty"),
    ],
)
def test_kaggles_csv_is_checked_before_anything_comes_in(
    db: None, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    path = write(tmp_path / "a.csv", [record(1), record(2, **change)])
    with pytest.raises(CommandError, match=said):
        bring_in("import_keypoints", path)
    assert nothing_there()


def test_files_that_are_no_such_table_are_refused(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_ALWAYS_FINE", 2**20)
    lacking = [column for column in record(1) if column != "nose_tip_y"]
    write(tmp_path / "lacks.csv", [record(1)], columns=lacking)
    whole = write(tmp_path / "whole.csv.gz", [record(1)]).read_bytes()
    lines = ",".join(record(1)).encode() + b"\n" * 5_000_000
    for name, data, said in (
        ("lacks.csv", None, "lacks the column nose_tip_y"),
        ("cut.csv.gz", whole[: len(whole) // 2], "cannot be read"),
        ("endless.csv", b"x" * 2_000_000, "Line 1: it is longer than"),
        ("bomb.csv.gz", gzip.compress(bytes(100 * 2**20)), "Line 1: it is longer than|more than 100 times"),
        ("lines.csv.gz", gzip.compress(lines), "more than 100 times"),
        ("binary.csv", b"PK\x03\x04\xff\xfe", "cannot be read|lacks the column"),
        ("empty.csv", b"", "lacks the column"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(CommandError, match=said):
            bring_in("import_keypoints", tmp_path / name)
    with pytest.raises(CommandError, match="No smiley is called 'sneer'"):
        bring_in("import_keypoints", tmp_path / "whole.csv.gz", smiley="sneer")
    assert nothing_there()


@pytest.mark.samples
def test_hand_placed_points_of_real_faces_come_in(db: None, private_folder: Path, tmp_path: Path) -> None:
    with gzip.open(SAMPLES / "keypoints.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    path = write(tmp_path / "some.csv.gz", rows[::121])
    assert "12 new, 0 there before, 0 refused" in bring_in("import_keypoints", path, accept=True)
    for photo in Photo.objects.all():
        photo_analyse(photo_id=photo.pk)
    best = [keypoints_best(photo.faces.get(is_subject=True)) for photo in Photo.objects.all()]
    assert {found.source for found in best} == {"human"}
    given = {json.dumps([float(row[column]) for column in COLUMNS]) for row in rows}
    assert all(json.dumps(np.ravel(found.points).tolist()) in given for found in best)


Coco = Callable[..., Path]


@pytest.fixture
def coco(tmp_path: Path, private_folder: Path, db: None) -> Coco:
    """A COCO file of two pictures; `change` alters it before it is written."""

    def make(change: Callable[[dict[str, Any]], Any] = lambda said: None) -> Path:
        names = ["nose_tip", "left_eye_center", "right_eye_center"]
        images, annotations = [], []
        for number in (1, 2):
            (tmp_path / f"{number}.jpg").write_bytes(jpeg_of(Image.fromarray(grey(number)).convert("RGB")))
            images.append({"id": number, "file_name": f"{number}.jpg", "width": SIDE, "height": SIDE})
            points = [48.5, 54, 2, 62, 36, 1, 0, 0, 0]
            annotations += [
                {"id": 10 * number, "image_id": number, "category_id": 1, "bbox": [1, 1, 8, 8], "keypoints": []},
                {"id": 10 * number + 1, "image_id": number, "category_id": 1, "bbox": [20, 16, 60, 70],
                 "keypoints": points},
            ]  # fmt: skip
        category = {"id": 1, "name": "face", "keypoints": names, "skeleton": []}
        whole = {"info": {}, "annotations": annotations, "images": images, "categories": [category]}
        change(whole)
        path = tmp_path / "coco.json"
        path.write_text(json.dumps(whole))
        return path

    return make


def test_cocos_keypoints_come_in_by_name(coco: Coco, tmp_path: Path) -> None:
    def faceless(said: dict[str, Any]) -> None:
        said["images"].append({"id": 3, "file_name": "1.jpg", "width": SIDE, "height": SIDE})
        said["images"][1] |= {"participant": "Anna", "smiley": "grin"}

    path = coco(faceless)
    said = bring_in("import_coco", path, images=tmp_path)
    assert "1 pictures are left out: no face is annotated in them." in said
    assert "2 new, 0 there before, 0 refused" in said
    assert "0 new, 2 there before" in bring_in("import_coco", path, images=tmp_path)
    assert set(Photo.objects.values_list("smiley__slug", flat=True)) == {"straight-face", "grin"}
    photo = Photo.objects.first()
    photo_analyse(photo_id=photo.pk)
    face = photo.faces.get()
    best = keypoints_best(face)
    known = {
        name: point for name, point in zip(KEYPOINT_NAMES, best.points, strict=True) if None not in point
    }
    assert known == {"nose_tip": [48.5, 54.0], "left_eye_center": [62.0, 36.0]}
    assert [name for name, seen in zip(KEYPOINT_NAMES, best.visible, strict=True) if seen] == ["nose_tip"]
    assert face.box == [20, 16, 60, 70], "the largest face is what the photo is about"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda said: said["categories"][0]["keypoints"].append("left_ear"), "Category 1: .*left_ear"),
        (lambda said: said["annotations"][3]["keypoints"].pop(), "Annotation 21: its keypoints are not 9 numbers"),
        (lambda said: said["annotations"][3]["keypoints"].__setitem__(0, "x"), "Annotation 21: its keypoints"),
        (lambda said: said["annotations"][3]["keypoints"].__setitem__(0, float("nan")), "NaN is no number"),
        (lambda said: said["annotations"][3]["keypoints"].__setitem__(0, 10**400), "Annotation 21: its keypoints"),
        (lambda said: said["annotations"][3]["keypoints"].__setitem__(2, 3), "visibility of nose_tip is 3"),
        (lambda said: said["annotations"][3].update(bbox=[1, 2, 3]), "Annotation 21: its bbox"),
        (lambda said: said["annotations"][3].update(image_id=7), "Annotation 21: there is no picture 7"),
        (lambda said: said["annotations"][3].update(category_id=7), "Annotation 21: there is no category 7"),
        (lambda said: said["annotations"][3].update(id=20), "Two of the annotations have the id 20"),
        (lambda said: said["images"][1].update(id=1), "Two of the images have the id 1"),
        (lambda said: said["images"][1].update(id="x"), "'x' is no id"),
        (lambda said: said["images"][1].update(file_name="../coco.json"), "Picture 2: .* is no file inside"),
        (lambda said: said["images"][1].update(file_name="/etc/passwd"), "Picture 2: .* is no file inside"),
        (lambda said: said["images"][1].update(file_name="9.jpg"), "Picture 2, 9.jpg: there is no"),
        (lambda said: said["images"][1].update(file_name="1.jpg"), "Picture 2, 1.jpg: it is there twice"),
        (lambda said: said["images"][1].update(width="96"), "Picture 2, 2.jpg: its width and height"),
        (lambda said: said["images"][1].update(smiley="sneer"), "Picture 2, 2.jpg: no smiley is called 'sneer'"),
        (lambda said: said.pop("categories"), "lacks categories"),
        (lambda said: said.update(images={}), "'images' is no list"),
        (lambda said: said["images"].append(["x"]), "one of its images is no object"),
        (lambda said: said["images"].append({"x": "y" * 5_000_000}), "an item is longer than"),
    ],
)  # fmt: skip
def test_coco_is_checked_before_anything_comes_in(
    coco: Coco, tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        bring_in("import_coco", coco(change), images=tmp_path)
    assert nothing_there()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"images": [1', '{"images": [}', "[" * 100_000, '{"images": ' + "[" * 9999]
)
def test_what_is_no_json_is_refused(db: None, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CommandError, match=r"cannot be read as JSON|is no object"):
        bring_in("import_coco", tmp_path / "a.json", images=tmp_path)
