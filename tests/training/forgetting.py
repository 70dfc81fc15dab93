"""The works in whose middle a photo is withdrawn: a freeze, a pack, an export, a training."""

import json
import shutil
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from operations.jobs import running
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job
from training import shards
from training.datasets import dataset_freeze, freeze_request
from training.exports import building
from training.exports.services import export_request
from training.freezing import freeze_execute
from training.models import DatasetVersion
from training.packing import dataset_pack
from training.runs import run_request

Prepare = Callable[[], Callable[[], None]]

#: A training that takes no time, and keeps what it was given in a checkpoint until it is done.
LEARNER = """
import json, pathlib, shutil, sys

words = sys.argv
pack = pathlib.Path(words[words.index("--data") + 1])
artifact = pathlib.Path(words[words.index("--out" if words[1] == "train" else "--model") + 1])
if words[1] == "train":
    artifact.mkdir(exist_ok=True)
    for number, path in enumerate(sorted(pack.rglob("*.npy"))):
        shutil.copy(path, artifact / f"checkpoint-{number}.npy")
    for epoch in (1, 2):
        print(json.dumps({"event": "epoch", "epoch": epoch}), flush=True)
    for path in artifact.glob("checkpoint-*"):
        path.unlink()
    (artifact / "artifact.json").write_text("{}")
else:
    metrics = {"classes": ["grin", "tongue"], "accuracy": 0.5, "macro_f1": 0.5, "per_class": {}}
    print(json.dumps(metrics), flush=True)
"""


def prepared(folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the learner started in the place of `python -m ml`, and five photos packed in two shards."""
    monkeypatch.setattr(shards, "_LEAST", 4)
    monkeypatch.setattr(shards, "_MOST", 4)
    (folder / "ml").mkdir()
    (folder / "ml" / "__init__.py").touch()
    (folder / "ml" / "__main__.py").write_text(textwrap.dedent(LEARNER))
    settings.BASE_DIR = folder


def freezing() -> Callable[[], None]:
    def freeze() -> None:
        job = claimed(freeze_request(actor="system", announced=False))
        freeze_execute(job=job, page=2)
        job.finish()

    return freeze


def exporting(format: str) -> Prepare:
    def prepare() -> Callable[[], None]:
        version, _ = dataset_freeze(actor="system")
        export, _ = export_request(version=version, format=format, actor="x", announced=False)

        def write() -> None:
            job = claimed(job_enqueue(name="training.export", subject=str(export.pk), announced=False))
            building.export_execute(job=job, page=2)
            job.finish()

        return write

    return prepare


def packing(folder: Path) -> Prepare:
    """As a training does, which is ended and packs anew when something leaves its version."""

    def prepare() -> Callable[[], None]:
        version, _ = dataset_freeze(actor="system")
        return lambda: _packed(version, folder)

    return prepare


class _Withdrawn(Exception):
    pass


def _packed(version: DatasetVersion, folder: Path) -> None:
    while True:
        left = version.items.count()
        try:
            dataset_pack(version=version, size=48, out=folder, watch=partial(_watch, version, left))
            _watch(version, left)
            assert json.loads((folder / "manifest.json").read_text())["count"] == left
            return
        except _Withdrawn:
            continue
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _watch(version: DatasetVersion, left: int) -> None:
    if version.items.count() != left:
        raise _Withdrawn


def training() -> Callable[[], None]:
    version, _ = dataset_freeze(actor="system")
    asked = {"task": "smiley", "architecture": "garage_cnn", "epochs": 2, "seed": 1, "max_seconds": 60}
    _, job = run_request(**asked, version=version, actor="system", here=True)

    def train() -> None:
        running.run(str(job.pk))
        job.refresh_from_db()
        assert job.state == Job.State.DONE, job.error

    return train


def claimed(job: Job) -> RunningJob:
    taken = running.claim(str(job.pk))
    assert taken is not None
    return taken
