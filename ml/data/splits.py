"""Who is learnt from and who is tested on: people are divided, never pictures, and nobody ever moves."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)


def assign_splits(
    photos: Iterable[tuple[str, str]],
    *,
    given: Mapping[str, str] | None = None,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
) -> dict[str, str]:
    """Give every person a split, stratified by label; whoever has one keeps it.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, ECML 2011) over people: those with the rarest labels
    are placed first, each where their label is missed most. A label of three or more new people is wanted in all
    three splits. The result depends on the set of photos, the given assignments and the seed alone, not on order.

    Args:
        photos: (person, label) of each photo, in any order.
        given: person → split, as assigned earlier. People without photos here are carried along unchanged.
        seed: another seed, another division.
        shares: wanted shares of people in train, validation and test.

    Returns:
        person → "train", "validation" or "test", for everybody in ``photos`` and ``given``.

    Raises:
        ValueError: an unknown split in ``given``, or shares that are no shares.
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"Three shares that add up to 1 are needed, not {shares}.")
    assigned = dict(given or {})
    unknown = sorted(set(assigned.values()) - set(SPLITS))
    if unknown:
        raise ValueError(f"There is no split called {unknown[0]!r}: use {', '.join(SPLITS)}.")

    labels: defaultdict[str, set[str]] = defaultdict(set)
    for person, label in photos:
        labels[person].add(label)
    people_of = Counter(label for own in labels.values() for label in own)
    wanted = {label: _targets(count, shares) for label, count in people_of.items()}
    wanted_overall = _targets(len(labels), shares)
    for person in labels.keys() & assigned.keys():
        _take(assigned[person], labels[person], wanted, wanted_overall)

    def rarest(person: str) -> str:
        return min(labels[person], key=lambda label: (people_of[label], label))

    newcomers = [person for person in labels if person not in assigned]
    newcomers.sort(key=lambda person: (people_of[rarest(person)], _draw(seed, person), person))
    for person in newcomers:
        need, overall = wanted[rarest(person)], wanted_overall
        split = max(SPLITS, key=lambda name: (need[name], overall[name], _draw(seed, person, name)))
        assigned[person] = split
        _take(split, labels[person], wanted, wanted_overall)
    return assigned


def split_people(
    persons: Sequence[str], *, seed: int = 0, shares: tuple[float, float, float] = SHARES
) -> list[str]:
    """The split of each picture where there are no labels to stratify by: as :func:`assign_splits`."""
    assigned = assign_splits([(person, "") for person in persons], seed=seed, shares=shares)
    return [assigned[person] for person in persons]


def _targets(people: int, shares: tuple[float, float, float]) -> dict[str, float]:
    """How many of so many people each split should have."""
    targets = {name: share * people for name, share in zip(SPLITS, shares, strict=True)}
    if people >= 3:
        for name in (VALIDATION, TEST):
            if 0 < targets[name] < 1:
                targets[TRAIN] -= 1 - targets[name]
                targets[name] = 1.0
    return targets


def _take(
    split: str, own: set[str], wanted: Mapping[str, dict[str, float]], overall: dict[str, float]
) -> None:
    overall[split] -= 1
    for label in own:
        wanted[label][split] -= 1


def _draw(seed: int, *words: str) -> bytes:
    """A lot that is the same on every machine and in every process, unlike ``hash()``."""
    return hashlib.sha256("\x1f".join([str(seed), *words]).encode()).digest()
