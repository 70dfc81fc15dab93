"""The state of an unfinished training run, so that a killed one goes on where its last epoch ended.

Each checkpoint is a directory of its own, ``epoch-000012``, written by another name and renamed; the one
before is removed only then. Whatever moment the process is killed at, one whole checkpoint is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PREFIX = "epoch-"
_STATE = "state.json"
_ARRAYS = "arrays.npz"

Arrays = dict[str, list[NDArray[Any]]]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: theirs alone; made when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(
        self, epoch: int, state: Mapping[str, Any], arrays: Mapping[str, Sequence[NDArray[Any]]]
    ) -> None:
        """Keep the state (JSON values) and lists of arrays by name."""
        self.directory.mkdir(parents=True, exist_ok=True)
        aside = self.directory / f".aside-{epoch:06d}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        named: dict[str, Any] = {
            f"{name}/{index:05d}": value
            for name, values in arrays.items()
            for index, value in enumerate(values)
        }
        np.savez(aside / _ARRAYS, **named)
        (aside / _STATE).write_text(json.dumps({**state, "epoch": epoch}))
        place = self.directory / f"{_PREFIX}{epoch:06d}"
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
        for older in self.directory.glob(f"{_PREFIX}*"):
            if older != place:
                shutil.rmtree(older, ignore_errors=True)

    def latest(self) -> tuple[dict[str, Any], Arrays] | None:
        """The newest state and its arrays; None where there is none to read."""
        for place in sorted(self.directory.glob(f"{_PREFIX}*"), reverse=True):
            try:
                state = json.loads((place / _STATE).read_text())
                arrays: Arrays = {}
                with np.load(place / _ARRAYS, allow_pickle=False) as file:
                    for key in sorted(file.files):
                        arrays.setdefault(key.partition("/")[0], []).append(file[key])
            except (OSError, ValueError):
                continue  # not whole: the one before it is
            if isinstance(state, dict):
                return state, arrays
        return None

    def remove(self) -> None:
        """Forget them all."""
        shutil.rmtree(self.directory, ignore_errors=True)
