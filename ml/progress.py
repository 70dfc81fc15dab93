"""How far a long command is: a bar on standard error and, if wanted, JSON lines on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


class ProgressBar:
    """Shows a training or the loading of pictures.

    Args:
        epochs: how many a training may have.
        as_json: print each epoch as a JSON line.
        seconds: how long it may train, if that is limited.
    """

    def __init__(self, epochs: int, *, as_json: bool, seconds: float | None = None) -> None:
        self._epochs, self._as_json, self._seconds = epochs, as_json, seconds
        self._bar: Any = None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Show one event of ``ml.train.train``."""
        if event["event"] == "notice":
            _say(str(event["message"]))
        elif event["event"] == "batch":
            bar = self._show(event["batches"], "batch", f"epoch {event['epoch']}/{self._epochs}")
            bar.update(event["batch"] - bar.n)
        else:
            self.close()
            if self._as_json:
                print(json.dumps({k: _short(v) for k, v in event.items()}), flush=True)
            else:
                _say(f"epoch {event['epoch']}/{event['epochs']}  {_figures(event)}{self._left(event)}")

    def _left(self, event: Mapping[str, Any]) -> str:
        """How long it may still take."""
        rest = event["seconds"] / event["epoch"] * (event["epochs"] - event["epoch"])
        if self._seconds is not None:
            rest = min(rest, max(self._seconds - event["seconds"], 0.0))
        return f"  at most {rest / 60:.0f} min left" if rest >= 60 else ""

    def loading(self, done: int, total: int) -> None:
        """So many pictures of so many are read."""
        bar = self._show(total, "photo", "faces")
        bar.update(done - bar.n)
        if done == total:
            self.close()

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, total: int, unit: str, text: str) -> Any:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit=unit, desc=text, leave=False, file=sys.stderr)
        return self._bar


def _figures(event: Mapping[str, Any]) -> str:
    """The loss, and how the validation people fare."""
    parts = [f"loss {event['loss']:.4g}  other people:"]
    for name, value in event.items():
        if name.startswith("validation_"):
            parts.append(f"{name.removeprefix('validation_').replace('_', ' ')} {value:.4g}")
    return " ".join(parts)


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
