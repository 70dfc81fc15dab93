"""Random histories of a collection: people come, bring more, take photos back or go, and it is frozen in between."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from ml.data.splits import SHARES, SPLITS, assign_splits

WANTED = dict(zip(SPLITS, SHARES, strict=True))
Photos = dict[tuple[str, str], int]
FROM_PEOPLE, POINTS = 200, 0.02


@dataclass
class History:
    """What one sequence has seen: deviations are shares of photos beside the wanted ones, the largest of the three."""

    freezes: int = 0
    overall: list[float] = field(default_factory=list)  # at freezes of 200 people and more
    excused: int = 0  # of them, beyond two points for what newcomers could not even out
    by_label: list[tuple[int, float]] = field(default_factory=list)  # photos of a label at the end, deviation


def history(seed: int) -> History:
    """Act out one sequence, and assert after every freeze what has to hold."""
    random = np.random.default_rng(seed)
    labels = int(random.integers(1, 20))
    liked = 1 / np.arange(1, labels + 1) ** random.uniform(0, 2)
    tail, scale = random.uniform(1.1, 4), random.uniform(1, 6)
    upheaval = random.random() < 0.5  # otherwise people come, and nothing else happens
    # A fifth of the collections grow beyond 200 people, in few freezes or in many.
    size = int(random.integers(FROM_PEOPLE, 300)) if random.random() < 0.2 else int(random.integers(1, 60))
    batch = max(1, int(size / random.integers(1, 12)))
    photos: Photos = {}
    given: dict[str, str] = {}
    seen, come = History(), 0
    while come < size:
        for number in range(come, min(come + int(random.integers(1, batch + 1)), size)):
            brings = int(min((random.pareto(tail) + 1) * scale, 500))
            for label in random.choice(labels, brings, p=liked / liked.sum()):
                key = f"p{number}", f"l{label}"
                photos[key] = photos.get(key, 0) + 1
            come += 1
        if upheaval:
            _change(photos, given, random, labels)
        after = assign_splits(photos, given=given)
        _check(photos, given, after, seen)
        given = after
    seen.by_label = [(sum(held.values()), _deviation(held)) for held in _held(photos, given).values()]
    return seen


def _change(photos: Photos, given: dict[str, str], random: np.random.Generator, labels: int) -> None:
    people = sorted(given)
    for person in people:
        fate = random.random()
        if fate < 0.03:  # goes, and is forgotten
            del given[person]
        if fate < 0.06:  # takes photos back
            for key in [key for key in photos if key[0] == person]:
                if fate < 0.03 or random.random() < 0.5:
                    del photos[key]
        elif fate < 0.12:  # comes back
            key = person, f"l{random.integers(labels)}"
            photos[key] = photos.get(key, 0) + int(random.integers(1, 6))


def _check(photos: Photos, given: dict[str, str], after: dict[str, str], seen: History) -> None:
    assert given.items() <= after.items(), "nobody changes side"
    assert after.keys() == given.keys() | {person for person, _ in photos}
    seen.freezes += 1
    total = sum(photos.values())
    brought: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (person, label), count in photos.items():
        brought[person][label] = count
    newcomers = {person: sum(brought[person].values()) for person in brought.keys() - given.keys()}
    ordinary = [who for who, count in newcomers.items() if count * (len(brought) - 1) <= 8 * (total - count)]
    _check_no_empty_class(brought, given, after, ordinary)
    if len(brought) < FROM_PEOPLE:
        return
    deviation = _deviation(sum(_held(photos, after).values(), Counter()))
    seen.overall.append(deviation)
    if deviation > POINTS:
        seen.excused += 1
        before = Counter()
        for (person, _), count in photos.items():
            before[given.get(person, "")] += count
        assert newcomers, "nobody came who could even it out"
        unavoidable = _least(before, total) + max(newcomers.values()) / total
        assert deviation <= unavoidable + 1e-9, f"{deviation:.4f}, and {unavoidable:.4f} cannot be avoided"


def _check_no_empty_class(
    brought: dict[str, dict[str, int]], given: dict[str, str], after: dict[str, str], ordinary: list[str]
) -> None:
    standing: Counter[tuple[str, str]] = Counter(
        (label, after[person]) for person, own in brought.items() for label in own
    )
    before = {(label, given[person]) for person, own in brought.items() if person in given for label in own}
    for label in {label for label, _ in standing}:
        empty = [split for split in SPLITS if not standing[label, split]]
        alone = [person for person in ordinary if set(brought[person]) == {label}]
        was_empty = sum((label, split) not in before for split in SPLITS)
        assert not empty or len(alone) < was_empty, f"{label} is nowhere in {empty} although people suffice"
    for person in ordinary:
        lost = sum(standing[label, after[person]] == 1 for label in brought[person])
        for split in SPLITS:
            gained = sum(not standing[label, split] for label in brought[person])
            assert gained <= lost, f"{person} would bring more labels into {split}"


def _held(photos: Photos, assigned: dict[str, str]) -> dict[str, Counter[str]]:
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (person, label), count in photos.items():
        held[label][assigned[person]] += count
    return held


def _deviation(held: Counter[str]) -> float:
    return max(abs(held[split] / held.total() - share) for split, share in WANTED.items())


def _least(before: Counter[str], total: int) -> float:
    """The smallest deviation that there could be if the newcomers' photos were divided at will."""
    had = {split: before[split] / total - share for split, share in WANTED.items()}
    lacking = sum(-over for over in had.values())  # what the newcomers bring
    low, high = max(0.0, *had.values()), 1.0
    for _ in range(40):
        middle = (low + high) / 2
        needed = sum(max(0.0, -over - middle) for over in had.values())
        low, high = (middle, high) if needed > lacking + 1e-12 else (low, middle)
    return high
