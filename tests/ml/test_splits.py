"""Everybody has one split for good, splits hold their shares of the photos, and no smiley is missing in one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.splits import SPLITS, assign_splits, split_people
from tests.ml.split_sequences import history

people = st.integers(0, 60).map(lambda n: f"p{n}")
photos = st.lists(st.tuples(people, st.sampled_from("abcde")), max_size=150)


@given(photos, st.integers(0, 5))
def test_everybody_gets_one_split_whatever_the_order(rows, seed):
    assigned = assign_splits(rows, seed=seed)
    assert set(assigned) == {person for person, _ in rows}
    assert set(assigned.values()) <= set(SPLITS)
    assert assign_splits(reversed(rows), seed=seed) == assigned
    assert assign_splits(Counter(rows), seed=seed) == assigned, "photos may be counted already"


def test_whatever_happens_to_a_collection_its_splits_hold():
    """Some of the ten thousand sequences that `make soak` goes through."""
    seen = [history(seed) for seed in range(200)]
    assert sum(len(one.overall) for one in seen) > 50


@given(st.integers(3, 40), st.integers(0, 20))
def test_a_label_of_three_people_is_in_every_split(count, seed):
    rows = [(f"p{i}", "smile") for i in range(count)]
    assert set(assign_splits(rows, seed=seed).values()) == set(SPLITS)


def test_photos_are_counted_not_people():
    """Thirty people bring nine tenths of all photos."""
    rows = {(f"p{i}", "ab"[i % 2]): 120 if i < 30 else 5 for i in range(110)}
    assigned = assign_splits(rows)
    held = Counter()
    for (person, _), count in rows.items():
        held[assigned[person]] += count
    assert [held[split] / 4000 for split in SPLITS] == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


def test_whoever_brings_a_fifth_of_all_is_learnt_from():
    rows = {(f"p{i}", "ab"[i % 2]): 10 for i in range(200)}
    assigned = assign_splits(rows)
    later = assign_splits(rows | {("giant", "a"): 500}, given=assigned)
    assert later["giant"] == "train"


def test_another_seed_divides_otherwise():
    rows = [(f"p{i}", "a") for i in range(60)]
    assert assign_splits(rows, seed=1) != assign_splits(rows, seed=2)


def test_without_a_share_there_is_nobody_in_it():
    divided = split_people([f"p{i}" for i in range(20)], shares=(0.8, 0.2, 0.0))
    assert Counter(divided) == {"train": 16, "validation": 4}


def test_a_split_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="tset"):
        assign_splits([("p", "a")], given={"p": "tset"})
    with pytest.raises(ValueError, match="shares"):
        assign_splits([("p", "a")], shares=(0.5, 0.5, 0.5))


# --- people who are tied together


@given(photos, photos, st.lists(st.tuples(people, people), max_size=12))
def test_who_is_tied_together_stands_on_one_side_as_far_as_that_can_be(first, second, tied):
    before = assign_splits(first)
    after = assign_splits(first + second, given=before, tied=tied)
    assert before.items() <= after.items(), "nobody moves for it"
    turned = [pair[::-1] for pair in reversed(tied)]
    assert assign_splits([*second, *first], given=before, tied=turned) == after
    brought = Counter(person for person, _ in first + second)
    bearable = 8 * brought.total() / max(len(brought), 1)
    for one, other in tied:
        both_there = {one, other} <= after.keys() and not {one, other} <= before.keys()
        alone = sum(bool({one, other} & set(pair)) for pair in tied) == 1
        if both_there and alone and brought[one] + brought[other] <= bearable:
            assert after[one] == after[other]


def test_crowd_that_hangs_together_does_not_swallow_a_split():
    """Two hundred people have sent the same picture."""
    rows = [(f"p{i}", "a") for i in range(200)]
    held = Counter(assign_splits(rows, tied=[(f"p{i}", f"p{i + 1}") for i in range(199)]).values())
    assert held["train"] == pytest.approx(140, abs=8)
    assert held["test"] == pytest.approx(30, abs=8)
