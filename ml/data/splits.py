"""Who is learnt from and who is tested on: people are divided, never pictures, and nobody ever moves."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
SHARES = (0.70, 0.15, 0.15)

#: The shares of all photos weigh so much more than those of all labels together.
_ALL_WEIGHT = 3
#: Whoever brings so many times what others bring on average stands where the shares want it, whatever is missing.
_OUTSIZED = 8

_Photos = dict[str | None, int]  # how many somebody brings of each label, and in all (the label None)


def assign_splits(
    photos: Iterable[tuple[str, str]] | Mapping[tuple[str, str], int],
    *,
    given: Mapping[str, str] | None = None,
    tied: Iterable[tuple[str, str]] = (),
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
) -> dict[str, str]:
    """Give every person a split, so that each holds its share of all photos and of each label's; whoever has a split
    keeps it.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, ECML 2011) over people who bring many photos at once:
    those with the most are placed first, each where their photos are missed most, and those with few even out what
    is left. The last people of a label go where it is missing: no newcomer placed elsewhere would bring more labels
    into more splits, but for those who bring so much that the shares would suffer. The result depends on the set of
    photos, the given assignments and the seed alone, not on order.

    Args:
        photos: (person, label) of each photo in any order, or how many there are of each such pair.
        given: person → split, as assigned earlier. People without photos here are carried along unchanged.
        tied: pairs of people to be kept on one side, for photos of theirs are nearly the same. It is not done where
            they stand on two sides already, nor where so many hang together that the shares would suffer.
        seed: another seed, another division.
        shares: wanted shares of photos in train, validation and test.

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

    brought: dict[str, _Photos] = {}
    for (person, label), count in Counter(photos).items():
        own = brought.setdefault(person, {None: 0})
        own[label] = count
        own[None] += count
    leaders = _leaders(brought, assigned, tied)
    for person, leader in leaders.items():
        together = brought.setdefault(leader, {None: 0})
        for own_label, total in brought.pop(person).items():
            together[own_label] = together.get(own_label, 0) + total
    newcomers = sorted(
        brought.keys() - assigned.keys(), key=lambda person: (-brought[person][None], _draw(seed, person))
    )
    balance = _Balance(brought, newcomers, shares)
    for person in brought.keys() & assigned.keys():
        balance.put(brought[person], assigned[person])
    for person in newcomers:
        assigned[person] = balance.best(brought[person])
        balance.put(brought[person], assigned[person])
    while _mended(balance, brought, newcomers, assigned):
        pass
    return assigned | {person: assigned[leader] for person, leader in leaders.items()}


def split_people(
    persons: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    seed: int = 0,
    shares: tuple[float, float, float] = SHARES,
) -> list[str]:
    """The split of each picture, by :func:`assign_splits`; without labels there is nothing to stratify by."""
    photos = zip(persons, labels if labels is not None else [""] * len(persons), strict=True)
    assigned = assign_splits(photos, seed=seed, shares=shares)
    return [assigned[person] for person in persons]


def _leaders(
    brought: Mapping[str, _Photos], assigned: Mapping[str, str], tied: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Newcomer → whom they go with: somebody who has a split, or the first of the newcomers who hang together."""
    pairs = sorted({(min(pair), max(pair)) for pair in tied})
    photos = {person: brought[person][None] for person in brought.keys() - assigned.keys()}
    bearable = _OUTSIZED * sum(own[None] for own in brought.values()) / max(len(brought), 1)
    leader: dict[str, str] = {}

    def first(person: str) -> str:
        while person in leader:
            person = leader[person]
        return person

    for one, other in pairs:
        if one in photos and other in photos:
            one, other = sorted((first(one), first(other)))
            if one != other and photos[one] + photos[other] <= bearable:
                leader[other] = one
                photos[one] += photos[other]
    drawn: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in (*pairs, *((other, one) for one, other in pairs)):
        if one in photos and other in assigned:
            drawn[first(one)].add(other)
    for person, there in drawn.items():
        if len({assigned[one] for one in there}) == 1 and photos[person] <= bearable:
            leader[person] = min(there)
    return {person: first(person) for person in leader}


def _mended(
    balance: _Balance, brought: Mapping[str, _Photos], newcomers: Sequence[str], assigned: dict[str, str]
) -> bool:
    """Move newcomers to where labels of theirs are missing, those with few photos first; whether any was moved."""
    lacking, moved = balance.lacking(), False
    for person in reversed(newcomers):
        own, former = brought[person], assigned[person]
        if lacking.isdisjoint(own):
            continue
        assigned[person] = balance.better(own, former)
        if assigned[person] != former:
            balance.put(own, former, sign=-1)
            balance.put(own, assigned[person])
            moved = True
    return moved


class _Balance:
    """How many photos of each label every split holds beyond its share, while newcomers are placed one by one."""

    def __init__(
        self, brought: Mapping[str, _Photos], newcomers: Sequence[str], shares: tuple[float, float, float]
    ) -> None:
        self._shares = {name: share for name, share in zip(SPLITS, shares, strict=True) if share}
        totals: Counter[str | None] = Counter()
        for own in brought.values():
            totals.update(own)
        self._photos, self._people = totals[None], len(brought)
        self._weights = {label: 1 / total**2 for label, total in totals.items()}
        if totals:
            self._weights[None] *= _ALL_WEIGHT * (len(totals) - 1)
        self._over = {
            label: {name: -share * total for name, share in zip(SPLITS, shares, strict=True)}
            for label, total in totals.items()
        }
        self._people_of = {label: dict.fromkeys(SPLITS, 0) for label in totals}
        self._to_come = Counter(label for person in newcomers for label in brought[person])

    def put(self, own: _Photos, split: str, sign: int = 1) -> None:
        for label, count in own.items():
            self._over[label][split] += sign * count
            self._people_of[label][split] += sign

    def best(self, own: _Photos) -> str:
        """Where a newcomer is missed most, whose turn it is."""
        self._to_come.subtract(own.keys())
        return min(self._wanting(own) or self._shares, key=lambda split: self._cost(own, split))

    def better(self, own: _Photos, split: str) -> str:
        """Where somebody would bring more labels that are missing than would be missing in their split; else this."""
        if self._is_outsized(own):
            return split
        lost = sum(self._people_of[label][split] == 1 for label in own)
        gained = {name: sum(not self._people_of[label][name] for label in own) for name in self._shares}
        most = max(gained, key=lambda name: gained[name])
        return most if gained[most] > lost else split

    def lacking(self) -> set[str | None]:
        """Labels that are missing in a split."""
        return {
            label
            for label, people in self._people_of.items()
            if not all(people[name] for name in self._shares)
        }

    def _wanting(self, own: _Photos) -> list[str]:
        """Where most of those labels are missing that no others can be relied upon to bring."""
        missing: Counter[str] = Counter()
        for label in own:
            empty = [name for name in self._shares if not self._people_of[label][name]]
            if self._to_come[label] < len(empty):
                missing.update(empty)
        if not missing or self._is_outsized(own):
            return []
        return [name for name in missing if missing[name] == max(missing.values())]

    def _is_outsized(self, own: _Photos) -> bool:
        return own[None] * (self._people - 1) > _OUTSIZED * (self._photos - own[None])

    def _cost(self, own: _Photos, split: str) -> float:
        """By how much the squares of what is over grow, measured by what the split should hold."""
        grown = sum(
            self._weights[label] * count * (2 * self._over[label][split] + count)
            for label, count in own.items()
        )
        return grown / self._shares[split]


def _draw(seed: int, person: str) -> bytes:
    """A lot that is the same on every machine and in every process, unlike ``hash()``."""
    return hashlib.sha256(f"{seed}\x1f{person}".encode()).digest()
