"""How sure a figure is: bootstrap over people, for pictures of one person are not independent of each other.

A figure is computed from sums over pictures (hits, squared errors, counts). People are drawn with replacement, their
sums added up, and the figure computed anew, a few thousand times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Sums = NDArray[np.float64]
#: From sums [B, K] to figures by name, each [B].
Figures = Callable[[Sums], Mapping[str, NDArray[np.float64]]]

ROUNDS = 2000
_LEVEL = 0.95


def sums_by_person(statistics: NDArray[Any], persons: ArrayLike) -> tuple[NDArray[np.str_], Sums]:
    """People's names, sorted, and the sums over each one's pictures [P, K] of statistics [N, K]."""
    names, owner = np.unique(np.asarray(persons), return_inverse=True)
    sums = np.zeros((len(names), statistics.shape[1]))
    np.add.at(sums, owner, statistics)
    return names, sums


def confidence_intervals(
    statistics: NDArray[Any],
    persons: ArrayLike,
    figures: Figures,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, list[float]]:
    """{figure: [low, high]}, 95 % percentile intervals (Efron & Tibshirani 1993, chapter 13).

    Args:
        statistics: [N, K], what the figures are computed from, a row a picture.
        persons: [N].
        figures: see :data:`Figures`.
        rounds: of drawing people.
        seed: of the drawing.
    """
    _, sums = sums_by_person(statistics, persons)
    drawn = figures(_resampled(sums, rounds, seed))
    return {name: middle(values) for name, values in drawn.items()}


def paired_difference(
    first: NDArray[Any],
    second: NDArray[Any],
    persons: ArrayLike,
    figures: Figures,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """How much two models differ on the same pictures: the same people are drawn for both.

    Args:
        first, second: statistics [N, K] of each model, in the same order of pictures.
        persons: [N].
        figures, rounds, seed: as for :func:`confidence_intervals`.

    Returns:
        {figure: {"difference": second − first, "interval": [low, high], "above_zero": share of the rounds}}.

    Raises:
        ValueError: the models were not measured on the same pictures.
    """
    if first.shape != second.shape:
        raise ValueError("Two models can be compared on the same pictures only.")
    _, sums = sums_by_person(np.hstack([first, second]), persons)
    width = first.shape[1]
    drawn = _resampled(sums, rounds, seed)
    whole = sums.sum(axis=0, keepdims=True)
    before, after = figures(drawn[:, :width]), figures(drawn[:, width:])
    was, now = figures(whole[:, :width]), figures(whole[:, width:])
    rows = {}
    for name in before:
        away = after[name] - before[name]
        rows[name] = {
            "difference": float(now[name][0] - was[name][0]),
            "interval": middle(away),
            "above_zero": float((away > 0).mean()),
        }
    return rows


def _resampled(sums: Sums, rounds: int, seed: int) -> Sums:
    """Sums [rounds, K] over as many people as there are, drawn with replacement."""
    people = len(sums)
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=rounds)
    return np.asarray(draws @ sums, dtype=np.float64)


def middle(values: NDArray[np.float64]) -> list[float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    outside = 100 * (1 - _LEVEL) / 2
    return [float(value) for value in np.percentile(known, [outside, 100 - outside])]
