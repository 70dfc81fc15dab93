"""Whether a model is better than another, or than an answer that looks at nothing, on pictures of the same people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluate import Evaluation
from ml.intervals import paired_difference
from ml.metrics import classification_statistics


def compare(model: Evaluation, other: Evaluation) -> dict[str, Any]:
    """How much better a model is than another that was examined on the same data set.

    Smileys that only one of them knows count, too: the other is wrong about each of their pictures.

    Returns:
        {"people", "samples", "figures": {figure: {"difference": model − other, "interval", "above_zero"}}}; see
        ``ml.intervals.paired_difference``.

    Raises:
        ValueError: not the same data set.
    """
    if model.data.data_hash != other.data.data_hash or model.info.task != other.info.task:
        raise ValueError("Two models can be compared on the same data set only.")
    chosen, theirs, ours = model.chosen, other.statistics, model.statistics
    if model.info.task == "smiley":
        chosen = np.union1d(model.chosen, other.chosen)
        classes = sorted({*model.info.classes, *other.info.classes})
        theirs, ours = (_over(classes, chosen, one) for one in (other, model))
    return _compared(model, chosen, theirs, ours)


def compare_with_baseline(model: Evaluation) -> dict[str, Any] | None:
    """The same against the most trivial baseline, whose name is added as ``baseline``; None where there is none."""
    if not model.baselines:
        return None
    name, theirs = next(iter(model.baselines.items()))
    return {"baseline": name, **_compared(model, model.chosen, theirs, model.statistics)}


def _over(classes: list[str], chosen: NDArray[np.intp], one: Evaluation) -> NDArray[np.float64]:
    """The statistics of a classifier over classes that it may not know; of those it says nothing, which is wrong."""
    column = {name: i for i, name in enumerate(classes)}
    said = np.zeros((len(chosen), len(classes) + 1), np.float32)
    said[:, -1] = 1e-9
    rows = np.searchsorted(chosen, one.chosen)
    known = np.array([column[name] for name in one.info.classes])
    said[rows[:, None], known] = one.predictions
    labels = np.array([column[one.data.classes[one.data.labels[i]]] for i in chosen], np.int32)
    return classification_statistics(said, labels, len(classes) + 1)


def _compared(
    model: Evaluation, chosen: NDArray[np.intp], theirs: NDArray[Any], ours: NDArray[Any]
) -> dict[str, Any]:
    persons = model.data.persons[chosen]
    rows = paired_difference(theirs, ours, persons, model.figures)
    return {"people": len(np.unique(persons)), "samples": len(chosen), "figures": rows}
