"""What the comparisons of networks have in common: the same people, the same seconds, one table."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from ml.artifacts import read_artifact
from ml.config import TrainConfig
from ml.data.packed import PackedData, pack
from ml.data.splits import assign_splits
from ml.evaluate import Evaluation, examine
from ml.intervals import confidence_intervals
from ml.train import train

SAMPLES = Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))


def options(description: str, seconds: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=seconds, help=f"of training, each ({seconds:.0f})")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="cpu",
        help="what counts them: cpu (default) is the process's own time, fair on a machine that is shared",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="rows whose title holds one of these words")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the models there")
    return parser


def resplit(data: PackedData, splits: Sequence[str]) -> PackedData:
    """The same data, otherwise divided."""
    return pack(
        task=data.task, images=np.asarray(data.images), persons=data.persons.tolist(), splits=splits,
        ids=data.ids.tolist(), labels=[data.classes[i] for i in data.labels] if data.classes else None,
        classes=data.classes or None, points=data.points, masked=data.masked, alpha=data.alpha,
    )  # fmt: skip


def folds(data: PackedData, count: int, seed: int) -> list[PackedData]:
    """Every person is in the test split of one of them; a tenth of the others validates."""
    people = np.random.default_rng(seed).permutation(np.unique(data.persons))
    parts = []
    for tested in np.array_split(people, count):
        rows = [(p, data.classes[i]) for p, i in zip(data.persons.tolist(), data.labels, strict=True)]
        assigned = assign_splits(
            [row for row in rows if row[0] not in set(tested)], seed=seed, shares=(0.88, 0.12, 0.0)
        )
        parts.append(resplit(data, [assigned.get(person, "test") for person, _ in rows]))
    return parts


class Table:
    """Trains, measures and prints, row by row."""

    def __init__(self, chosen: argparse.Namespace, figures: Sequence[str]) -> None:
        self.chosen, self.figures = chosen, figures
        heads = "".join(f"{name:>26}" for name in figures)
        print(f"{'':34}{'parameters':>11}{'epochs':>8}{'s':>7}{'cpu s':>8}{heads}", flush=True)

    def line(self, title: str, facts: Sequence[Any], values: dict[str, Any], sure: dict[str, Any]) -> None:
        cells = []
        for name in self.figures:
            between = sure.get(name)
            cells.append(f"{values[name]:.4f}" + (f" ({between[0]:.3f}–{between[1]:.3f})" if between else ""))
        print(
            f"{title:34}"
            + "".join(f"{fact:>{w}}" for fact, w in zip(facts, (11, 8, 7, 8), strict=True))
            + "".join(f"{cell:>26}" for cell in cells),
            flush=True,
        )

    def baselines(self, parts: Sequence[Evaluation]) -> None:
        """What needs no training, over all test people of one row."""
        for name in parts[0].baselines:
            self.untrained(name, parts, [part.baselines[name] for part in parts])

    def untrained(self, title: str, parts: Sequence[Evaluation], statistics: Sequence[Any]) -> None:
        """A line from the statistics of each part."""
        self.line(title, ("", "", "", ""), *_figures(parts, statistics))

    def row(
        self, title: str, config: TrainConfig, parts: Sequence[PackedData], *, vote: bool = False
    ) -> list[Evaluation]:
        """Train on each part and measure on its test people; figures are over all of them together."""
        if self.chosen.only and not any(word in title for word in self.chosen.only):
            return []
        config = config.but(
            max_seconds=self.chosen.seconds, clock=self.chosen.clock, seed=self.chosen.seed, epochs=100_000,
            stop_patience=100_000,
        )  # fmt: skip
        evaluations, facts = [], []
        for number, data in enumerate(parts):
            with tempfile.TemporaryDirectory() as folder:
                name = f"{title.replace(' ', '-')}-{number}"
                out = train(config, data, (self.chosen.keep or Path(folder)) / name)
                evaluations.append(examine(out, data, vote=vote))
                facts.append(read_artifact(out).training)
        columns = (
            f"{facts[0]['parameters']:,}",
            f"{np.mean([f['epochs'] for f in facts]):.0f}",
            f"{np.mean([f['seconds'] for f in facts]):.0f}",
            f"{np.mean([f['cpu_seconds'] for f in facts]):.0f}",
        )
        self.line(title, columns, *_figures(evaluations, [e.statistics for e in evaluations]))
        return evaluations


def _figures(parts: Sequence[Evaluation], statistics: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the statistics of all parts together: the figures, and their intervals over people."""
    rows = np.concatenate(statistics)
    persons = np.concatenate([part.data.persons[part.chosen] for part in parts])
    figures = parts[0].figures
    values = {k: float(v[0]) for k, v in figures(rows.sum(axis=0, keepdims=True)).items()}
    return values, confidence_intervals(rows, persons, figures)


def said_of_the_machine() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
