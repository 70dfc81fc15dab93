"""The state of an unfinished training run, so that a killed one goes on where its last epoch ended.

Each checkpoint is a directory of its own, ``epoch-000012``, written by another name and renamed once it is on the
disk. The one before it is kept, too: whatever moment the process is killed at, one whole checkpoint is there, and when
the newest turns out to be damaged there is another. Never are there more than two, one that is being written included.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.durable import to_disk

_PREFIX = "epoch-"
_STATE = "state.json"
_ARRAYS = "arrays.npz"

Arrays = dict[str, list[NDArray[Any]]]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: theirs alone; made when first needed.
        notice: told, in a sentence, of one that cannot be read.
    """

    def __init__(self, directory: Path, notice: Callable[[str], None] = lambda message: None) -> None:
        self.directory, self._notice = directory, notice
        self._last: Path | None = None  # that was written or read whole

    def save(
        self, epoch: int, state: Mapping[str, Any], arrays: Mapping[str, Sequence[NDArray[Any]]]
    ) -> None:
        """Keep the state (JSON values) and lists of arrays by name, and of those before the last alone."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for other in self.directory.iterdir():
            if other != self._last:
                shutil.rmtree(other, ignore_errors=True)
        aside = self.directory / f".aside-{epoch:06d}"
        aside.mkdir()
        named: dict[str, Any] = {
            f"{name}/{index:05d}": value
            for name, values in arrays.items()
            for index, value in enumerate(values)
        }
        np.savez(aside / _ARRAYS, **named)
        (aside / _STATE).write_text(json.dumps({**state, "epoch": epoch}))
        for written in (aside / _ARRAYS, aside / _STATE, aside):
            to_disk(written)
        place = self.directory / f"{_PREFIX}{epoch:06d}"
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
        to_disk(self.directory)
        self._last = place

    def latest(self) -> tuple[dict[str, Any], Arrays] | None:
        """The newest state and its arrays that can be read; None where there is none."""
        for place in sorted(self.directory.glob(f"{_PREFIX}*"), reverse=True):
            try:
                state = json.loads((place / _STATE).read_text())
                arrays: Arrays = {}
                with np.load(place / _ARRAYS, allow_pickle=False) as file:
                    for key in sorted(file.files):
                        arrays.setdefault(key.partition("/")[0], []).append(file[key])
                whole = isinstance(state, dict)
            except Exception:
                # zipfile, zlib and NumPy each have errors of their own for damaged files.
                whole = False
            if whole:
                self._last = place
                return state, arrays
            self._notice(f"The checkpoint {place} is damaged and passed over.")
        return None

    def remove(self) -> None:
        """Forget them all."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._last = None
