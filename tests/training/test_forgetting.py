"""A photo with a marker in its pixels is withdrawn before, during and after a freeze, a pack, an export and a training:
nothing holds it then. Here at some of the steps; `soak_forgetting.py` takes them all, in an object store, too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from collector.models import Participant
from operations.jobs import running
from operations.stores.base import PrivateStore
from operations.stores.local import LocalStore
from tests.labeling.conftest import newcomer
from tests.storage import stored_by
from training.datasets import dataset_freeze
from training.exports.services import export_request

from . import forgetting
from .exports.conftest import accepted_photo
from .planted import Planted, assert_forgotten, forgotten_at_each_step, work_all

STRIDE = 5
pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="looks into SQLite's own files"),
]


@pytest.fixture
def store(tmp_path: Path, settings: Any) -> Iterator[PrivateStore]:
    settings.DATA_DIR = tmp_path / "data"  # in the one of all tests lies what others have left
    folder = LocalStore(tmp_path / "private")
    with stored_by(folder):
        yield folder


@pytest.fixture
def few(store: PrivateStore) -> list[Participant]:
    """Two people with two accepted photos each."""
    people = [newcomer(), newcomer()]
    for number in range(4):
        accepted_photo("tongue", people[number % 2], number)
    return people


def works(tmp_path: Path) -> dict[str, forgetting.Prepare]:
    return {
        "freeze": forgetting.freezing,
        "pack": forgetting.packing(tmp_path / "pack"),
        "export": forgetting.exporting("imagefolder"),
        "training": forgetting.training,
    }


@pytest.mark.parametrize("what", ["freeze", "pack", "export", "training"])
def test_withdrawn_before_during_and_after(
    what: str,
    few: list[Participant],
    store: PrivateStore,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgetting.prepared(tmp_path, settings, monkeypatch)
    steps = forgotten_at_each_step(few, store, works(tmp_path)[what], tmp_path, stride=STRIDE)
    assert steps >= 4


@pytest.mark.parametrize("format", ["webdataset", "parquet", "coco", "masked", "kaggle"])
def test_withdrawn_after_an_export(
    format: str, few: list[Participant], store: PrivateStore, tmp_path: Path
) -> None:
    marked = Planted(few[0], 300)
    version, _ = dataset_freeze(actor="system")
    _, job = export_request(version=version, format=format, actor="x", announced=False)
    running.run(str(job.pk))
    assert any("exports/" in place for place in marked.places(store))
    marked.withdraw()
    work_all()
    assert_forgotten(marked, store, tmp_path / "data")
