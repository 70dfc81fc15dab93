import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.models import Participant, Photo, Smiley
from labeling.services import label_import
from tests.labeling.conftest import newcomer, seen_photo
from tests.ml.models import write_small_model
from tests.operations.conftest import quick_passwords
from training.models import ModelVersion, TrainingRun
from training.runs import model_register

__all__ = ["quick_passwords", "seen_photo"]


@pytest.fixture
def accepted(seen_photo: Callable[..., Photo]) -> Callable[..., Photo]:
    """Make an accepted photo with a face; of somebody new unless told otherwise."""

    def make(slug: str = "tongue", participant: Participant | None = None) -> Photo:
        photo = seen_photo(slug, participant)
        label_import(photo=photo, smiley=Smiley.objects.get(slug=slug))
        photo.refresh_from_db()
        return photo

    return make


@pytest.fixture
def people(accepted: Callable[..., Photo]) -> list[Photo]:
    """Eight people with two accepted photos each."""
    photos = []
    for _ in range(8):
        somebody = newcomer()
        photos += [accepted(slug, somebody) for slug in ("tongue", "grin")]
    return photos


@pytest.fixture(scope="session")
def small_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training leaves, with a network that has learnt nothing."""
    folder = tmp_path_factory.mktemp("small") / "artifact"
    return Path(write_small_model(folder, classes=("grin", "tongue"), size=16))


@pytest.fixture
def register(tmp_path: Path, small_artifact: Path) -> Callable[..., ModelVersion]:
    """Register a model from an artifact folder, as a finished training does."""

    def make(version: object, photos: int | None = None, **facts: Any) -> ModelVersion:
        folder = tmp_path / "artifact"
        if not folder.exists():
            shutil.copytree(small_artifact, folder)
            (folder / "confusion.png").write_bytes(b"\x89PNG")
        left = version.items.count() if photos is None else photos  # type: ignore[attr-defined]
        run = TrainingRun.objects.create(version=version, created_by="system", photos=left)
        metrics = {"classes": ["grin", "tongue"], "accuracy": 0.9, "macro_f1": 0.9, "per_class": {}}
        return model_register(run=run, artifact=folder, metrics=metrics, **facts)

    return make


@pytest.fixture
def stand_in(tmp_path: Path, settings: Any) -> Callable[[str], Path]:
    """A program `python -m ml` of the test's own, in whose place the real one is started. Returns its log."""

    def make(program: str) -> Path:
        (tmp_path / "ml").mkdir()
        (tmp_path / "ml" / "__init__.py").touch()
        (tmp_path / "ml" / "__main__.py").write_text(textwrap.dedent(program))
        settings.BASE_DIR = tmp_path
        return tmp_path / "log.txt"

    return make
