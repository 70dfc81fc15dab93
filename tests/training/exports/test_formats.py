"""Every format, opened by the library that it is for, against the database: sample by sample."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pytest
from django.core.files.storage import default_storage

from collector.models import Photo
from labeling.keypoints import keypoints_best
from labeling.models import CROP_SIZE, Face, MaskedFace
from ml.landmarks import KEYPOINT_NAMES
from operations.private_files import store
from operations.stores.ahead import ReadAhead
from training.exports import building
from training.exports.formats import webdataset
from training.exports.models import Export
from training.models import DatasetItem, SplitAssignment

from .conftest import RELEASE, pixels

Unpacked = Callable[..., Path]
SPLITS = ("train", "validation", "test")


class Noted(ReadAhead):
    """Notes what is expected and what is taken."""

    def __init__(self) -> None:
        super().__init__(store())
        self.expected: list[str] = []
        self.taken: list[str] = []

    def expect(self, names: Iterable[str]) -> None:
        self.expected += names

    def take(self, name: str) -> bytes:
        self.taken.append(name)
        return super().take(name)


@pytest.mark.parametrize("format", Export.Format.values)
def test_files_are_taken_in_the_order_in_which_they_are_expected(
    exported: Callable[..., Export], monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """Or an object store would be asked for them twice."""
    noted = Noted()
    monkeypatch.setattr(building, "files_ahead", lambda: noted)
    monkeypatch.setattr(webdataset, "SHARD", 4)
    exported(format)
    assert noted.taken == noted.expected
    assert bool(noted.taken) == (format != Export.Format.TABLE)


def stored(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def truth() -> dict[str, Photo]:
    photos = Photo.objects.select_related("accepted_as", "import_batch").filter(datasetitem__version=1)
    return {str(photo.pk): photo for photo in photos}


def split_of(photo: Photo) -> str:
    return str(DatasetItem.objects.get(photo=photo, version=1).split)


def subject(photo: Photo) -> Face:
    return photo.faces.prefetch_related("keypoint_sets").get()


def check_columns(row: dict[str, Any], photo: Photo) -> None:
    """What every format says of a photo, as text or as numbers."""
    face, best = subject(photo), keypoints_best(subject(photo))
    assert best is not None
    assert row["participant"] == str(photo.participant_id)
    assert row["smiley"] == photo.accepted_as.slug
    assert row["split"] == split_of(photo) == SplitAssignment.objects.get(pk=photo.participant_id).split
    assert row["sha256"] == photo.sha256
    assert (int(row["width"]), int(row["height"])) == (photo.width, photo.height)
    assert row["source"] or (photo.import_batch.source if photo.import_batch else "") == ""
    box = [float(row[f"face_{name}"]) for name in ("x", "y", "width", "height")]
    assert box == face.box
    assert float(row["sharpness"]) == face.sharpness
    assert row["flags"] == (" ".join(face.flags) or "none")
    assert row["keypoints"] == best.source
    for name, (x, y), seen in zip(KEYPOINT_NAMES, best.points, best.visible, strict=True):
        assert (float(row[f"{name}_x"]), float(row[f"{name}_y"])) == (x, y)
        assert int(row[f"{name}_visible"]) == seen


def test_table_has_everything_but_pixels(unpacked: Unpacked) -> None:
    import pandas

    folder, photos = unpacked("table"), truth()
    rows = pandas.read_csv(folder / "samples.csv", keep_default_na=False).to_dict("records")
    assert {row["id"] for row in rows} == set(photos)
    assert len(rows) == 18
    for row in rows:
        check_columns(row, photos[row["id"]])
    assert {row["source"] for row in rows} == {"volunteer", "A corpus"}
    assert {row["keypoints"] for row in rows} == {"human", "mesh"}


def test_image_folder_in_datasets_and_keras(unpacked: Unpacked) -> None:
    import datasets
    import keras

    folder, photos = unpacked("imagefolder"), truth()
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(folder / ".cache"))
    seen = set()
    for split in SPLITS:
        for row in loaded[split]:
            photo = photos[row["id"]]
            check_columns(row, photo)
            assert row["split"] == split
            assert (np.asarray(row["image"]) == pixels(stored(photo.file))).all()
            seen.add(row["id"])
        batches = keras.utils.image_dataset_from_directory(
            folder / split, image_size=(256, 256), batch_size=1, shuffle=False, verbose=0
        )
        paths = [Path(path) for path in batches.file_paths]
        assert {path.stem for path in paths} == {row["id"] for row in loaded[split]}
        for path, (image, label) in zip(paths, batches, strict=True):
            photo = photos[path.stem]
            assert batches.class_names[int(label[0])] == photo.accepted_as.slug
            # TensorFlow's own decoder of JPEG rounds another way.
            assert np.abs(image[0].numpy() - pixels(stored(photo.file))).mean() < 2
    assert seen == set(photos)


def test_coco_in_pycocotools(unpacked: Unpacked) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder, photos = unpacked("coco"), truth()
    seen = set()
    for split in SPLITS:
        coco = COCO(str(folder / "annotations" / f"{split}.json"))
        assert coco.loadCats(1)[0]["keypoints"] == list(KEYPOINT_NAMES)
        for image in coco.loadImgs(coco.getImgIds()):
            photo = photos[image["smielfy_id"]]
            face, best = subject(photo), keypoints_best(subject(photo))
            assert best is not None
            assert (image["width"], image["height"]) == (photo.width, photo.height)
            assert (folder / "images" / split / image["file_name"]).read_bytes() == stored(photo.file)
            (found,) = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
            assert found["bbox"] == face.box
            assert found["smiley"] == photo.accepted_as.slug
            assert found["keypoints_source"] == best.source
            flat = np.reshape(found["keypoints"], (15, 3))
            assert flat[:, :2].tolist() == best.points
            assert flat[:, 2].tolist() == [2 if seen else 1 for seen in best.visible]
            assert split_of(photo) == split
            seen.add(image["smielfy_id"])
        if split == "train":
            own = [{**one, "score": 1.0} for one in coco.loadAnns(coco.getAnnIds())]
            judge = COCOeval(coco, coco.loadRes(own), "bbox")
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            assert judge.stats[0] == pytest.approx(1), "what is annotated is what is found"
    assert seen == set(photos)


def test_kaggle_csv_in_pandas(unpacked: Unpacked) -> None:
    import pandas

    from labeling.crops import crop_read

    folder, photos = unpacked("kaggle"), truth()
    seen = set()
    for split in SPLITS:
        table = pandas.read_csv(folder / f"{split}.csv")
        ids = pandas.read_csv(folder / f"{split}.ids.csv")
        assert len(table.columns) == 31
        assert table.columns[30] == "Image"
        for (_, row), photo_id in zip(table.iterrows(), ids["id"], strict=True):
            face, best = subject(photos[photo_id]), keypoints_best(subject(photos[photo_id]))
            assert best is not None
            image = np.array(row["Image"].split(), dtype=np.uint8).reshape(96, 96)
            crop = crop_read(face.crop, 96).astype(float) @ [0.299, 0.587, 0.114]
            assert np.abs(image - crop).max() <= 1
            (a, _, left), (_, d, top) = face.transform
            for name, (x, y), visible in zip(KEYPOINT_NAMES, best.points, best.visible, strict=True):
                found = row[f"{name}_x"], row[f"{name}_y"]
                if not visible:
                    assert np.isnan(found).all(), "a point that nobody sees is blank"
                    continue
                expected = [
                    (a * x + left + 0.5) * 96 / CROP_SIZE - 0.5,
                    (d * y + top + 0.5) * 96 / CROP_SIZE - 0.5,
                ]
                assert found == pytest.approx(expected, abs=1e-4)
            seen.add(photo_id)
    assert seen == set(photos)
    from ml.data.keypoint_sources import keypoints_from_csv

    assert len(keypoints_from_csv(folder / "train.csv").images), "our own reader takes it, too"


def test_webdataset(unpacked: Unpacked, monkeypatch: pytest.MonkeyPatch) -> None:
    import webdataset

    from training.exports.formats import webdataset as format

    monkeypatch.setattr(format, "SHARD", 4)
    folder, photos = unpacked("webdataset"), truth()
    classes = (folder / "classes.txt").read_text().split()
    seen = []
    for split in SPLITS:
        shards = sorted(str(path) for path in folder.glob(f"{split}-*.tar"))
        assert len(shards) == -(-DatasetItem.objects.filter(split=split).count() // 4)
        for row in webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode():
            photo = photos[row["__key__"]]
            check_columns(row["json"], photo)
            assert classes[row["cls"]] == photo.accepted_as.slug
            assert split_of(photo) == split
            seen.append(row["__key__"])
        raw = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
        assert all(row["jpg"] == stored(photos[row["__key__"]].file) for row in raw)
    assert sorted(seen) == sorted(photos)


def test_parquet_in_datasets_and_pandas(unpacked: Unpacked) -> None:
    import datasets
    import pandas

    folder, photos = unpacked("parquet"), truth()
    files = {split: str(folder / "data" / f"{split}.parquet") for split in SPLITS}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(folder / ".cache"))
    seen = set()
    for split in SPLITS:
        frame = pandas.read_parquet(files[split]).set_index("id")
        for row in loaded[split]:
            photo = photos[row["id"]]
            check_columns(row, photo)
            assert (np.asarray(row["image"]) == pixels(stored(photo.file))).all()
            assert frame.loc[row["id"]]["image"]["bytes"] == stored(photo.file)
            seen.add(row["id"])
    assert seen == set(photos)


def test_masked_pairs_lie_side_by_side(unpacked: Unpacked) -> None:
    folder = unpacked("masked")
    with (folder / "pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    masked = {(str(one.face.photo_id), one.style, one.seed): one for one in MaskedFace.objects.all()}
    assert {(row["id"], row["style"], int(row["seed"])) for row in rows} == set(masked)
    for row in rows:
        pair = masked[row["id"], row["style"], int(row["seed"])]
        files = {"face": pair.face.crop, "masked": pair.image, "alpha": pair.alpha}
        for part, name in files.items():
            assert (folder / row[part]).read_bytes() == stored(name)
            assert Path(row[part]).name.split(".")[0] == row["id"]


def test_release_holds_only_what_may_be_shared(unpacked: Unpacked) -> None:
    folder = unpacked("imagefolder", **RELEASE)
    with (folder / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    allowed = {
        photo_id
        for photo_id, photo in truth().items()
        if photo.consent_id and photo.participant.consents.latest().share_in_release
    }
    assert {row["id"] for row in rows} == allowed
    assert len(rows) == 14, "without one who shares nothing, and without what was imported"
    assert {path.stem for path in folder.glob("*/*/*.jpg")} == allowed
    assert all("share_in_release" in row["scopes"] for row in rows)
    assert (folder / "LICENCE.txt").read_text() == "CC BY 4.0\n"
    assert (folder / "CITATION.txt").read_text() == "Smielfy, 2026\n"


def test_croissant_describes_the_table(unpacked: Unpacked) -> None:
    import hashlib

    folder = unpacked("table", **RELEASE)
    about = json.loads((folder / "croissant.json").read_text())
    assert about["license"] == "CC BY 4.0"
    assert about["citeAs"] == "Smielfy, 2026"
    (file,) = about["distribution"]
    content = (folder / file["contentUrl"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    head = next(csv.reader(io.StringIO(content.decode())))
    (records,) = about["recordSet"]
    assert [field["source"]["extract"]["column"] for field in records["field"]] == head
    assert {field["source"]["fileObject"]["@id"] for field in records["field"]} == {file["@id"]}
