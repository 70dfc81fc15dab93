"""A model on a machine's own disk: all of it, or none."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.models import Photo
from training.artifacts import artifact_fetch
from training.datasets import dataset_freeze
from training.models import ModelVersion


def test_fetched_model_is_durable_before_it_has_its_name(
    people: list[Photo],
    register: Callable[..., ModelVersion],
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    model = register(dataset_freeze(actor="system")[0])
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_rename(source: Any, target: Any) -> None:
        calls.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    folder = artifact_fetch(model)
    assert calls == [*["file"] * len(model.files), "folder", "rename"]
    assert {path.name for path in folder.iterdir()} == set(model.files)
