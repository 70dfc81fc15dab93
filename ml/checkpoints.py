"""The state of an unfinished training run, so that a killed one goes on where its last epoch ended.

Each checkpoint is a directory of its own, ``epoch-000012``, written by another name and renamed; the one
before is removed only then. Whatever moment the process is killed at, one whole checkpoint is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PREFIX = "epoch-"
_STATE = "state.json"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: theirs alone; made when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(self, epoch: int, state: Mapping[str, Any], models: Mapping[str, Any]) -> None:
        """Keep the state (JSON values) and the models (name → keras.Model)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        aside = self.directory / f".aside-{epoch:06d}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name, model in models.items():
            model.save(aside / f"{name}.keras")
        (aside / _STATE).write_text(json.dumps({**state, "epoch": epoch}))
        place = self.directory / f"{_PREFIX}{epoch:06d}"
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
        for older in self.directory.glob(f"{_PREFIX}*"):
            if older != place:
                shutil.rmtree(older, ignore_errors=True)

    def latest(self) -> tuple[dict[str, Any], Path] | None:
        """The newest state and the directory with its models; None where there is none to read."""
        for place in sorted(self.directory.glob(f"{_PREFIX}*"), reverse=True):
            try:
                state = json.loads((place / _STATE).read_text())
            except (OSError, ValueError):
                continue  # not whole: the one before it is
            if isinstance(state, dict):
                return state, place
        return None

    def remove(self) -> None:
        """Forget them all."""
        shutil.rmtree(self.directory, ignore_errors=True)
