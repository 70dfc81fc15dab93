"""How far people agree who say which of some categories a thing belongs to: Krippendorff's α and Cohen's κ.

Things on which the same was said are counted, not listed: half a million photos make some hundred patterns, and drawing
things with replacement is drawing how often each pattern comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.intervals import middle

ROUNDS = 1000


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's α with its 95 % interval, over so many things that two or more people judged. None where it is
    not defined: nothing was judged twice, or everybody always said the same one category."""

    value: float | None
    interval: tuple[float, float] | None
    things: int


def krippendorff_alpha(
    patterns: ArrayLike, counts: ArrayLike, *, rounds: int = ROUNDS, seed: int = 0
) -> Alpha:
    """Nominal α (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"), and a percentile bootstrap over
    things (Efron & Tibshirani 1993, chapter 13).

    Args:
        patterns: [K, V], how many people put a thing into each of V categories.
        counts: [K], how many things have that pattern. Things that one person judged count for nothing.
        rounds: of drawing things; without any there is no interval.
        seed: of the drawing.
    """
    said = np.atleast_2d(np.asarray(patterns, dtype=np.float64))
    number = np.asarray(counts, dtype=np.int64)
    if not len(number):
        return Alpha(None, None, 0)
    pairable = said.sum(axis=1) >= 2
    said, number = said[pairable], number[pairable]
    things = int(number.sum())
    if not things:
        return Alpha(None, None, 0)
    value = _alpha(said, number[None])[0]
    if not np.isfinite(value):
        return Alpha(None, None, things)
    if not rounds:
        return Alpha(float(value), None, things)
    drawn = np.random.default_rng(seed).multinomial(things, number / things, size=rounds)
    interval = middle(_alpha(said, drawn))
    return Alpha(float(value), (interval[0], interval[1]), things)


def _alpha(said: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """α of each row of counts [B, K]; NaN where only one category was used.

    With o the coincidences, n_v their margins and n their sum: α = 1 − (n − 1)(n − Σ o_vv) / (n² − Σ n_v²).
    """
    people = said.sum(axis=1)
    same = (said * (said - 1)).sum(axis=1) / (people - 1)
    margins = counts @ said
    total = margins.sum(axis=1)
    expected = total**2 - (margins**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (total - 1) * (total - counts @ same)
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def cohen_kappa(table: ArrayLike) -> float | None:
    """κ of two people (Cohen 1960): table [V, V], how many things the one put into row and the other into column.

    None where it is not defined: nothing in common, or both always said the same one category.
    """
    counts = np.asarray(table, dtype=np.float64)
    total = counts.sum()
    if not total:
        return None
    by_chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    if by_chance >= 1:
        return None
    return float((np.trace(counts) / total - by_chance) / (1 - by_chance))
