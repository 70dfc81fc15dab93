"""α and κ against published worked examples, to four digits."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ml.agreement import cohen_kappa, krippendorff_alpha

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections A, B and C: a unit a word, an observer a
# letter. It prints .095, .692 and .743; the fractions beside them are its own formula with its own numbers.
BINARY = "01 11 01 00 00 01 00 00 01 00"
NOMINAL = "ab aa bb bb db cc cc cc ee dd dd ad"
INCOMPLETE = "111 2232 3333 3333 2222 1234 4444 1121 2222 555 11 3"


def patterns(units: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    categories = sorted(set("".join(units)))
    counted = Counter(tuple(unit.count(category) for category in categories) for unit in units)
    return np.array(list(counted)), np.array(list(counted.values()))


@pytest.mark.parametrize(
    ("units", "alpha", "printed"),
    [
        (BINARY, 1 - (20 - 1) * 4 / (14 * 6), 0.095),
        (NOMINAL, ((24 - 1) * 18 - 104) / (24 * (24 - 1) - 104), 0.692),
        (INCOMPLETE, 1 - (40 - 1) * 8 / (40**2 - 384), 0.743),
    ],
)
def test_alpha_is_that_of_krippendorffs_examples(units: str, alpha: float, printed: float) -> None:
    found = krippendorff_alpha(*patterns(units.split())).value
    assert found == pytest.approx(alpha, abs=5e-5)
    assert found == pytest.approx(printed, abs=5e-4)


def test_kappa_is_that_of_published_examples() -> None:
    # Fleiss, Levin & Paik, "Statistical Methods for Rates and Proportions", 3rd edition, table 18.1: (.89 − .66) / .34.
    assert cohen_kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]]) == pytest.approx(0.6765, abs=5e-5)
    # Grant proposals, Wikipedia, "Cohen's kappa", simple example and the two after it.
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4, abs=5e-5)
    assert cohen_kappa([[45, 15], [25, 15]]) == pytest.approx(0.1304, abs=5e-5)
    assert cohen_kappa([[25, 35], [5, 35]]) == pytest.approx(0.2593, abs=5e-5)


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_is_that_of_scikit_learn(table: list[list[int]]) -> None:
    cells = [(row, column, n) for row, line in enumerate(table) for column, n in enumerate(line) if n]
    if len({row for row, _, _ in cells} | {column for _, column, _ in cells}) < 2:
        assert cohen_kappa(table) is None
        return
    rows, columns, weights = zip(*cells, strict=True)
    expected = cohen_kappa_score(rows, columns, sample_weight=weights)
    assert cohen_kappa(table) == pytest.approx(expected)


def test_alpha_does_not_depend_on_how_things_are_counted() -> None:
    said, number = patterns(INCOMPLETE.split())
    each = np.repeat(said, number, axis=0)
    assert krippendorff_alpha(said, number).value == krippendorff_alpha(each, np.ones(len(each), int)).value


def test_interval_narrows_with_things_and_holds_the_value() -> None:
    said, number = patterns(INCOMPLETE.split())
    few, many = krippendorff_alpha(said, number), krippendorff_alpha(said, 100 * number)
    for alpha in (few, many):
        assert alpha.value is not None
        assert alpha.interval is not None
        assert alpha.interval[0] < alpha.value < alpha.interval[1]
    assert np.ptp(many.interval) < np.ptp(few.interval) / 5


@pytest.mark.parametrize("units", ["", "a b c", "aa aaa a"])
def test_alpha_is_undefined_without_pairs_and_without_variation(units: str) -> None:
    found = krippendorff_alpha(*patterns(units.split())) if units else krippendorff_alpha([], [])
    assert found.value is None
    assert found.interval is None
