"""Are the reviewers right? Figures made of the counts that `measuring` keeps: no review is read for them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Min, Sum

from collector.models import Smiley

from .measuring import HIDDEN, OPEN, REJECTED
from .models import PairCount, PatternCount, ReviewerCount, UncountedDay

_SAID = re.compile(r"(\S+):(\d+)")


@dataclass(frozen=True)
class SmileyAgreement:
    """Krippendorff's nominal α of a prompt's photos, with its 95 % interval, over those that two or more judged."""

    slug: str
    glyph: str
    photos: int
    alpha: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Share:
    """So many of so many; `share` is None of nothing."""

    agreed: int = 0
    reviews: int = 0

    @property
    def share(self) -> float | None:
        return self.agreed / self.reviews if self.reviews else None


@dataclass
class ReviewerAgreement:
    """How a reviewer agrees with gold, others and themselves, and how long one review takes on average."""

    reviewer: str
    reviews: int = 0
    gold: Share = Share()
    others: Share = Share()
    recheck: Share = Share()
    grid_check: Share = Share()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PairAgreement:
    """Cohen's κ of two reviewers over the photos that both judged."""

    first: str
    second: str
    photos: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True)
class Confusion:
    """What became of a prompt's photos: `shares` of those that reviewers decided, by outcome."""

    slug: str
    decided: int
    outcomes: dict[str, int]


def counted_until() -> datetime | None:
    """The moment up to which everything is counted; None when that is now."""
    oldest: datetime | None = UncountedDay.objects.aggregate(oldest=Min("since"))["oldest"]
    return oldest


def smiley_agreements(smileys: list[Smiley], *, interval: bool = True) -> list[SmileyAgreement]:
    """Of each of them; without the interval it is a matter of milliseconds."""
    from ml.agreement import ROUNDS, krippendorff_alpha

    said: dict[str, dict[str, int]] = defaultdict(dict)
    rows = PatternCount.objects.values_list("smiley__slug", "pattern").annotate(Sum("photos"))
    for slug, pattern, photos in rows:
        said[slug][pattern] = photos
    found = []
    for smiley in smileys:
        alpha = krippendorff_alpha(*_table(said[smiley.slug]), rounds=ROUNDS if interval else 0)
        low, high = alpha.interval or (None, None)
        found.append(SmileyAgreement(smiley.slug, smiley.glyph, alpha.things, alpha.value, low, high))
    return found


def _table(patterns: dict[str, int]) -> tuple[list[list[int]], list[int]]:
    """Patterns as rows of a table, a column an answer."""
    read = [
        ({vote: int(count) for vote, count in _SAID.findall(text)}, photos)
        for text, photos in patterns.items()
    ]
    votes = sorted({vote for row, _ in read for vote in row})
    return [[row.get(vote, 0) for vote in votes] for row, _ in read], [photos for _, photos in read]


def confusions(smileys: list[Smiley]) -> list[Confusion]:
    """What reviewers decided of each prompt's photos; open ones are in none."""
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    rows = PatternCount.objects.exclude(outcome=OPEN).values_list("smiley__slug", "outcome")
    for slug, outcome, photos in rows.annotate(Sum("photos")):
        outcomes[slug][outcome] = photos
    return [Confusion(one.slug, sum(outcomes[one.slug].values()), outcomes[one.slug]) for one in smileys]


def outcome_names(smileys: list[Smiley]) -> list[str]:
    return [*(smiley.slug for smiley in smileys), REJECTED, HIDDEN]


def smileys_in_order() -> list[Smiley]:
    return list(Smiley.objects.order_by("order", "slug"))


def reviewer_agreements() -> list[ReviewerAgreement]:
    found: dict[str, ReviewerAgreement] = {}
    names = ("reviews", "agreed", "timed", "seconds")
    rows = ReviewerCount.objects.values_list("reviewer__username", "measure")
    for name, measure, reviews, agreed, timed, seconds in rows.annotate(*(Sum(name) for name in names)):
        one = found.setdefault(name, ReviewerAgreement(name))
        if measure in (ReviewerCount.Measure.GRID, ReviewerCount.Measure.SINGLE):
            one.reviews += reviews
            if timed:
                one.seconds[measure] = seconds / timed
        else:
            setattr(one, measure, Share(agreed, reviews))
    return sorted(found.values(), key=lambda one: -one.reviews)


def pair_agreements() -> list[PairAgreement]:
    """Of all pairs who judged a photo in common, those with most photos first."""
    from ml.agreement import cohen_kappa

    said: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    columns = ("first__username", "second__username", "first_said", "second_said")
    for first, second, one, other, photos in PairCount.objects.values_list(*columns).annotate(Sum("photos")):
        said[first, second][one, other] = photos
    found = []
    for (first, second), cells in said.items():
        votes = sorted({vote for pair in cells for vote in pair})
        table = [[cells.get((one, other), 0) for other in votes] for one in votes]
        agreed = sum(table[index][index] for index in range(len(votes)))
        found.append(PairAgreement(first, second, sum(cells.values()), agreed, cohen_kappa(table)))
    return sorted(found, key=lambda pair: (-pair.photos, pair.first, pair.second))


def all_of(shares: Iterable[Share]) -> Share:
    summed = list(shares)
    return Share(sum(share.agreed for share in summed), sum(share.reviews for share in summed))


# As tables: what the API gives as CSV, a name a table.

Rows = list[list[Any]]


def smiley_rows() -> Rows:
    found = smiley_agreements(smileys_in_order())
    return [
        ["smiley", "photos_judged_twice", "alpha", "alpha_low", "alpha_high"],
        *([one.slug, one.photos, one.alpha, one.low, one.high] for one in found),
    ]


def reviewer_rows() -> Rows:
    measures = ("gold", "others", "recheck", "grid_check")
    head = [name for measure in measures for name in (f"{measure}_agreed", f"{measure}_reviews")]
    rows: Rows = [["reviewer", "reviews", *head, "grid_seconds", "single_seconds"]]
    for one in reviewer_agreements():
        shares = [getattr(one, measure) for measure in measures]
        pairs = [number for share in shares for number in (share.agreed, share.reviews)]
        rows.append([one.reviewer, one.reviews, *pairs, one.seconds.get("grid"), one.seconds.get("single")])
    return rows


def pair_rows() -> Rows:
    head = ["first", "second", "photos", "agreed", "kappa"]
    return [head, *([one.first, one.second, one.photos, one.agreed, one.kappa] for one in pair_agreements())]


def confusion_rows() -> Rows:
    smileys = smileys_in_order()
    names = outcome_names(smileys)
    body = [[one.slug, *(one.outcomes.get(name, 0) for name in names)] for one in confusions(smileys)]
    return [["prompt", *names], *body]


TABLES = {
    "smileys": smiley_rows,
    "reviewers": reviewer_rows,
    "pairs": pair_rows,
    "confusion": confusion_rows,
}
