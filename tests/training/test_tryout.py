"""Trying the models on a picture: four answers, by page, API and command line, and nothing kept."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from django.utils.translation import gettext
from PIL import Image

from collector.models import Photo
from labeling.models import Face, KeypointSet, MaskedFace
from ml.cli import main
from operations.models import AuditEvent, Job
from tests.conftest import jpeg
from tests.ml.models import write_small_model, write_small_unmasker
from tests.operations.conftest import visitor
from training.datasets import dataset_freeze
from training.models import ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import model_register
from training.tryout import picture_try


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "smiley": write_small_model(folder / "smiley", classes=("grin", "tongue", "wink")),
        "unmask": write_small_unmasker(folder / "unmask"),
    }


@pytest.fixture
def active(people: list[Photo], artifacts: dict[str, Path], settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"
    version, _ = dataset_freeze(actor="system")
    for task, artifact in artifacts.items():
        run = TrainingRun.objects.create(task=task, version=version, created_by="system", photos=16)
        model = model_register(run=run, artifact=artifact, metrics={"classes": []})
        model_promote(model=model, actor="system")


def post(**form: Any) -> Any:
    return visitor().post("/api/v1/try/", form, secure=True)


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("me.jpg", content, "image/jpeg")


def picture(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2])))


@pytest.mark.usefixtures("active")
def test_anybody_gets_four_answers_and_nothing_is_kept(astronaut_jpeg: bytes, private_folder: Path) -> None:
    def kept() -> list[Any]:
        rows = (Photo, Face, KeypointSet, MaskedFace, AuditEvent, Job)
        files = sorted(str(path) for path in private_folder.rglob("*"))
        return [files, *(model._default_manager.count() for model in rows)]

    before = kept()
    answer = post(image=upload(astronaut_jpeg), style="kn95", seed="3")
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert len(told["keypoints"]) == 15
    assert told["keypoints_by"] == "mesh", "no keypoint model serves"
    rows = told["smiley"]["distribution"]
    assert {row["slug"] for row in rows} == {"grin", "tongue", "wink"}
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-3)
    assert [row["share"] for row in rows] == sorted((row["share"] for row in rows), reverse=True)
    assert (told["mask"], told["models"]) == ("kn95", {"smiley": 1, "unmask": 1})
    shown = {name: np.asarray(picture(address)).astype(int) for name, address in told["pictures"].items()}
    assert {one.shape for one in shown.values()} == {(256, 256, 3)}
    assert np.abs(shown["face"] - shown["masked"])[140:].mean() > 5
    assert kept() == before
    again = post(image=upload(astronaut_jpeg), style="kn95", seed="3").json()
    assert again["pictures"] == told["pictures"], "the same seed draws the same mask"


@pytest.mark.usefixtures("active")
def test_model_that_cannot_be_loaded_is_left_out(
    astronaut_jpeg: bytes, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = ModelVersion.objects.get(task="smiley").run_id
    (settings.DATA_DIR / "cache" / "models" / str(run) / "model.tflite").write_bytes(b"")
    answer = post(image=upload(astronaut_jpeg), style="kn95")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["smiley"], told["models"]) == (None, {"unmask": 1})
    assert "unmasked" in told["pictures"]
    assert "A model cannot be loaded" in caplog.messages


@pytest.mark.usefixtures("active")
def test_smileys_are_named_in_the_visitors_language(astronaut_jpeg: bytes) -> None:
    with translation.override("ru"):
        told = picture_try(data=astronaut_jpeg, style="", seed=0)
        titles = {row["slug"]: row["title"] for row in told["smiley"]["distribution"]}
        assert titles["grin"] == gettext("Grin") != "Grin"


@pytest.mark.usefixtures("active")
def test_what_is_invented_says_so_in_the_picture_and_in_its_file(astronaut_jpeg: bytes) -> None:
    told = post(image=upload(astronaut_jpeg), style="kn95").json()
    assert "not this person" in told["unmasked_is"]
    invented = picture(told["pictures"]["unmasked"])
    assert "not this person" in invented.text["Comment"]  # type: ignore[attr-defined]
    strip = np.asarray(invented)[-22:].astype(int)
    assert (strip.max(axis=2) > 200).mean() > 0.02, "white letters"
    assert np.median(strip) < 120, "on a dark strip"


@pytest.mark.usefixtures("active")
@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "image_missing"),
        ({"image": "nothing"}, None, None),
        ({"image": "nobody"}, 422, "no_face"),
        ({"image": "astronaut", "style": "veil"}, 400, "style_unknown"),
    ],
)
def test_what_cannot_be_tried_is_answered_with_the_reason(
    form: dict[str, Any], status: int | None, code: str | None, astronaut_jpeg: bytes
) -> None:
    contents = {"nobody": jpeg(np.full((200, 200, 3), 90, np.uint8)), "astronaut": astronaut_jpeg}
    sent = dict(form)
    if "image" in sent:
        sent["image"] = upload(contents.get(sent["image"], b"no picture"))
    answer = post(**sent)
    told = answer.json()
    assert 400 <= answer.status_code < 500
    assert told["detail"]
    if code is not None:
        assert (answer.status_code, told["code"]) == (status, code)


@pytest.mark.django_db
def test_page_says_what_no_model_knows_yet() -> None:
    page = visitor().get("/try/", secure=True).content.decode()
    assert "No model knows the smileys yet" in page
    assert "No model takes masks off yet" in page
    assert ModelVersion.objects.count() == 0


def test_the_same_by_command(
    artifacts: dict[str, Path], astronaut_jpeg: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "me.jpg").write_bytes(astronaut_jpeg)
    (tmp_path / "wall.jpg").write_bytes(jpeg(np.full((200, 200, 3), 90, np.uint8)))
    models = ["--smiley", str(artifacts["smiley"]), "--unmask", str(artifacts["unmask"])]
    pictures = [str(tmp_path / name) for name in ("me.jpg", "wall.jpg")]
    command = ["try", *pictures, *models, "--style", "ffp2", "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (set(first["vote"]), first["style"], first["keypoints_by"]) == (
        {"grin", "tongue", "wink"},
        "ffp2",
        "mesh",
    )
    assert "no face" in second["error"]
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"me.points.png", "me.masked.png", "me.unmasked.png"}
    assert "not this person" in Image.open(tmp_path / "out" / "me.unmasked.png").text["Comment"]  # type: ignore[attr-defined]
