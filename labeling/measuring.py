"""Counting how far reviewers agree: what changed is noted beside the change, and a round counts its days anew."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, groupby
from typing import NamedTuple

from django.db import transaction

from collector.models import Photo, PhotoQuerySet, Smiley

from .models import PairCount, PatternCount, Review, ReviewerCount, UncountedDay

LONGEST = 60.0  # seconds counted of one review: beyond, somebody did something else meanwhile
REJECTED, UNCLEAR, HIDDEN, OPEN = "rejected", "unclear", "hidden", "open"
_BATCH = 2000


def change_note(photo: Photo) -> None:
    """Say, in the transaction that changes them, that the reviews of a photo have to be counted anew."""
    UncountedDay.objects.create(day=_day(photo.created_at))


def changes_note(photos: PhotoQuerySet) -> None:
    """The same for many photos."""
    days = {_day(at) for at in photos.filter(reviews__isnull=False).values_list("created_at", flat=True)}
    UncountedDay.objects.bulk_create(UncountedDay(day=day) for day in days)


def days_count(*, report: Callable[[int, int, str], None]) -> int:
    """Count the days anew on which something has changed, each on its own. Returns how many there were."""
    days = list(UncountedDay.objects.order_by("day").values_list("day", flat=True).distinct())
    for done, day in enumerate(days):
        report(done, len(days), f"photos of {day}")
        _day_count(day)
    report(len(days), len(days), "")
    return len(days)


def _day_count(day: date) -> None:
    """What changes while we read leaves a note that we have not seen: then the day is counted once more."""
    seen = list(UncountedDay.objects.filter(day=day).values_list("pk", flat=True))
    counts = _Counts()
    for said in _reviews_by_photo(day):
        counts.add(said)
    rows = counts.rows(day)
    with transaction.atomic():
        for model, made in rows.items():
            model.objects.filter(day=day).delete()  # type: ignore[attr-defined]
            model.objects.bulk_create(made, batch_size=_BATCH)  # type: ignore[attr-defined]
        for start in range(0, len(seen), _BATCH):
            UncountedDay.objects.filter(pk__in=seen[start : start + _BATCH]).delete()


class Said(NamedTuple):
    """One standing review, with what is known of its photo."""

    photo: object
    prompt: int
    reviewer: int
    kind: str
    mode: str
    verdict: str
    smiley: int | None
    seconds: float | None
    by_reviews: bool | None
    outcome: str | None
    outcome_smiley: int | None
    gold: str | None
    gold_smiley: int | None


_COLUMNS = (
    "photo_id",
    "photo__smiley_id",
    "reviewer_id",
    "kind",
    "mode",
    "verdict",
    "smiley_id",
    "seconds",
    "photo__decision__by_reviews",
    "photo__decision__outcome",
    "photo__decision__smiley_id",
    "photo__gold__outcome",
    "photo__gold__smiley_id",
)


def _reviews_by_photo(day: date) -> Iterator[list[Said]]:
    begin = datetime.combine(day, time(), UTC)
    reviews = Review.objects.standing().filter(
        photo__created_at__gte=begin, photo__created_at__lt=begin + timedelta(days=1)
    )
    ordered = reviews.order_by("photo__created_at", "photo_id", "reviewer_id").values_list(*_COLUMNS)
    rows = (Said._make(row) for row in ordered.iterator(chunk_size=5000))
    for _, group in groupby(rows, key=lambda said: said.photo):
        yield list(group)


@dataclass
class _Counts:
    """Sums over the photos of a day."""

    patterns: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    pairs: Counter[tuple[int, int, str, str]] = field(default_factory=Counter)
    reviewers: dict[tuple[int, str], ReviewerCount] = field(default_factory=dict)
    slugs: dict[int, str] = field(default_factory=lambda: dict(Smiley.objects.values_list("pk", "slug")))

    def add(self, said: list[Said]) -> None:
        """All standing reviews of one photo, in the order of their reviewers."""
        counting = [one for one in said if one.kind == Review.Kind.DECIDE]
        votes = {one.reviewer: self._vote(one) for one in counting}
        if counting:
            pattern = " ".join(f"{vote}:{count}" for vote, count in sorted(Counter(votes.values()).items()))
            self.patterns[counting[0].prompt, self._outcome(counting[0]), pattern] += 1
        for (first, first_said), (second, second_said) in combinations(votes.items(), 2):
            self.pairs[first, second, first_said, second_said] += 1
        for reviewer, vote in votes.items():
            others = Counter(voted for somebody, voted in votes.items() if somebody != reviewer).most_common(
                2
            )
            if others and (len(others) == 1 or others[0][1] > others[1][1]):
                self._compare(reviewer, ReviewerCount.Measure.OTHERS, vote == others[0][0])
        for one in said:
            self._check(one, votes.get(one.reviewer))
            self._time(one)

    def _check(self, one: Said, before: str | None) -> None:
        vote = self._vote(one)
        if one.kind == Review.Kind.GOLD and one.gold is not None:
            answer = REJECTED if one.gold_smiley is None else self.slugs[one.gold_smiley]
            self._compare(one.reviewer, ReviewerCount.Measure.GOLD, vote == answer)
        elif one.kind in (Review.Kind.RECHECK, Review.Kind.GRID_CHECK) and before is not None:
            self._compare(one.reviewer, one.kind, vote == before)

    def _compare(self, reviewer: int, measure: str, agreed: bool) -> None:
        row = self._row(reviewer, measure)
        row.reviews += 1
        row.agreed += agreed

    def _time(self, one: Said) -> None:
        row = self._row(one.reviewer, one.mode)
        row.reviews += 1
        if one.seconds is not None:
            row.timed += 1
            row.seconds += min(one.seconds, LONGEST)

    def _row(self, reviewer: int, measure: str) -> ReviewerCount:
        key = (reviewer, measure)
        if key not in self.reviewers:
            self.reviewers[key] = ReviewerCount(reviewer_id=reviewer, measure=measure)
        return self.reviewers[key]

    def _vote(self, one: Said) -> str:
        """`unclear` is an answer of its own here: two who are both unsure agree."""
        if one.verdict == Review.Verdict.REJECT:
            return REJECTED
        if one.verdict == Review.Verdict.UNCLEAR:
            return UNCLEAR
        return self.slugs[one.prompt if one.smiley is None else one.smiley]

    def _outcome(self, one: Said) -> str:
        if one.outcome == HIDDEN:
            return HIDDEN
        if not one.by_reviews:
            return OPEN
        return REJECTED if one.outcome_smiley is None else self.slugs[one.outcome_smiley]

    def rows(self, day: date) -> dict[type, Iterable[object]]:
        for row in self.reviewers.values():
            row.day = day
        return {
            PatternCount: [
                PatternCount(day=day, smiley_id=smiley, outcome=outcome, pattern=pattern, photos=photos)
                for (smiley, outcome, pattern), photos in self.patterns.items()
            ],
            PairCount: [
                PairCount(day=day, first_id=one, second_id=other, first_said=a, second_said=b, photos=photos)
                for (one, other, a, b), photos in self.pairs.items()
            ],
            ReviewerCount: list(self.reviewers.values()),
        }


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
