"""The site's own annotate_video: by the active model where there is one."""

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from ml.video import VideoReader
from tests.ml import films
from tests.ml.models import write_small_model
from training.datasets import dataset_freeze
from training.models import ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import model_register


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Path:
    return films.write(tmp_path_factory.mktemp("films") / "one.mp4", films.frames(astronaut, 6))


@pytest.fixture
def active(people: list[object], tmp_path: Path, private_folder: Path) -> ModelVersion:
    version, _ = dataset_freeze(actor="system")
    run = TrainingRun.objects.create(version=version, created_by="system", photos=version.items.count())
    folder = write_small_model(tmp_path / "artifact", classes=("grin", "tongue"))
    metrics = {"classes": ["grin", "tongue"], "accuracy": 0.9, "macro_f1": 0.9, "per_class": {}}
    model = model_register(run=run, artifact=folder, metrics=metrics)
    model_promote(model=model, actor="system")
    return model


def test_active_model_is_asked(
    active: ModelVersion, film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call_command("annotate_video", str(film), str(tmp_path / "out.mp4"), "--json")
    said = capfd.readouterr()
    *frames, done = [json.loads(line) for line in said.out.splitlines()]
    assert all(set(row["faces"][0]["shares"]) == {"grin", "tongue"} for row in frames)
    assert done["frames"] == 6
    assert f"With the active model, {active}." in said.err


def test_without_a_model_faces_are_drawn(
    film: Path, tmp_path: Path, db: None, capfd: pytest.CaptureFixture[str]
) -> None:
    call_command("annotate_video", str(film), str(tmp_path / "out.mp4"))
    assert "6 with a face" in capfd.readouterr().out
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert len(list(reader)) == 6


def test_what_cannot_be_is_an_error_with_a_sentence(film: Path, tmp_path: Path, db: None) -> None:
    with pytest.raises(CommandError, match="is not there"):
        call_command("annotate_video", str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4"))
    with pytest.raises(CommandError, match="holds no finished model"):
        call_command("annotate_video", str(film), str(tmp_path / "out.mp4"), "--model", str(tmp_path))
    with pytest.raises(CommandError, match="should end in one of"):
        call_command("annotate_video", str(film), str(tmp_path / "out.txt"))
