"""Counts follow the reviews, and the figures made of them are right."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from collector.models import Photo, Smiley
from collector.services import photo_withdraw
from labeling import quality
from labeling.checks import gold_mark, gold_unmark
from labeling.measuring import days_count
from labeling.models import Check, PatternCount, Review, SmileyQueue, UncountedDay
from labeling.services import photo_reopen, review_record, review_undo
from operations.jobs.housekeeping import sweep
from operations.models import Job
from tests.collector.conftest import Browser

pytestmark = pytest.mark.database

People = tuple[Any, Any, Any]


@pytest.fixture
def people(staff: Callable[..., Any]) -> People:
    return staff("ann", role="reviewer"), staff("ben", role="reviewer"), staff("cid", role="reviewer")


def count() -> None:
    days_count(report=lambda done, total, message: None)


def say(photo: Photo, reviewer: Any, said: str, **more: Any) -> Review:
    verdict, _, detail = said.partition(":")
    if verdict == "other":
        more["smiley"] = Smiley.objects.get(slug=detail)
    return review_record(photo=photo, reviewer=reviewer, verdict=verdict, reason=detail if verdict == "reject" else "",
                         **more)  # fmt: skip


def patterns() -> dict[str, int]:
    return {row.pattern: row.photos for row in PatternCount.objects.all()}


def test_alpha_and_kappa_of_the_reviews_that_count(seen_photo: Callable[..., Photo], people: People) -> None:
    ann, ben, _ = people
    SmileyQueue.objects.all().delete()
    for one, other in (
        ("match", "match"),
        ("match", "match"),
        ("match", "other:grin"),
        ("unclear", "unclear"),
    ):
        photo = seen_photo("tongue")
        say(photo, ann, one)
        say(photo, ben, other)
    say(seen_photo("tongue"), ann, "match")  # by one alone: no pair
    count()
    assert patterns() == {"tongue:2": 2, "grin:1 tongue:1": 1, "unclear:2": 1, "tongue:1": 1}
    tongue = next(
        one for one in quality.smiley_agreements(quality.smileys_in_order()) if one.slug == "tongue"
    )
    # n = 8: five tongue, one grin, two unclear; one photo's two values disagree.
    assert tongue.alpha == pytest.approx(1 - (8 - 1) * 2 / (64 - 25 - 1 - 4))
    assert tongue.photos == 4
    (pair,) = quality.pair_agreements()
    by_chance = (3 * 2 + 1 * 1) / 16
    assert (pair.first, pair.second, pair.photos, pair.agreed) == ("ann", "ben", 4, 3)
    assert pair.kappa == pytest.approx((3 / 4 - by_chance) / (1 - by_chance))


def test_counts_follow_undoing_opening_and_withdrawing(
    seen_photo: Callable[..., Photo], people: People
) -> None:
    ann, ben, cid = people
    photo, other = seen_photo("tongue"), seen_photo("tongue")
    say(photo, ann, "match")
    last = say(photo, ben, "match")
    say(other, cid, "reject:no_face")
    count()
    assert patterns() == {"tongue:2": 1, "rejected:1": 1}
    assert not UncountedDay.objects.exists()

    review_undo(review_id=last.pk, reviewer=ben)
    assert UncountedDay.objects.exists()
    count()
    assert patterns() == {"tongue:1": 1, "rejected:1": 1}
    photo_reopen(photo=photo, reviewer=ann)
    count()
    assert patterns() == {"rejected:1": 1}
    photo_withdraw(photo=other, actor="participant")
    count()
    assert patterns() == {}
    assert quality.reviewer_agreements() == []


def test_what_changes_while_a_day_is_counted_is_counted_again(
    seen_photo: Callable[..., Photo], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, _ = people
    photo = seen_photo("tongue")
    say(photo, ann, "match")
    from labeling import measuring

    read = measuring._reviews_by_photo

    def read_and_be_late(day: Any) -> Any:
        yield from list(read(day))
        say(photo, ben, "match")

    monkeypatch.setattr(measuring, "_reviews_by_photo", read_and_be_late)
    count()
    assert patterns() == {"tongue:1": 1}
    assert UncountedDay.objects.exists()
    monkeypatch.setattr(measuring, "_reviews_by_photo", read)
    count()
    assert patterns() == {"tongue:2": 1}


def test_reviewers_against_gold_others_and_themselves(
    seen_photo: Callable[..., Photo], people: People
) -> None:
    ann, ben, cid = people
    gold = seen_photo("tongue")
    say(gold, ann, "match", mode="grid", seconds=2.0)
    say(gold, ben, "match", mode="grid", seconds=500.0)
    gold_mark(photo=gold, reviewer=ann)
    due = timezone.now() - timedelta(minutes=1)
    for kind, reviewer, said in (
        (Review.Kind.GOLD, cid, "reject:no_face"),
        (Review.Kind.GRID_CHECK, ann, "unclear"),
        (Review.Kind.RECHECK, ben, "match"),
    ):
        Check.objects.filter(photo=gold, reviewer=reviewer).delete()
        Check.objects.create(
            photo=gold, reviewer=reviewer, kind=kind, due_at=due, claimed_until=due + timedelta(hours=1)
        )
        say(gold, reviewer, said, seconds=4.0)
    count()
    found = {one.reviewer: one for one in quality.reviewer_agreements()}
    assert (found["cid"].gold.agreed, found["cid"].gold.reviews) == (0, 1)
    assert (found["ann"].grid_check.agreed, found["ann"].grid_check.reviews) == (0, 1)
    assert (found["ben"].recheck.agreed, found["ben"].recheck.reviews) == (1, 1)
    assert (found["ann"].others.agreed, found["ann"].others.reviews) == (1, 1)
    assert found["cid"].others.reviews == 0  # gold is no verdict among others
    assert found["ann"].seconds == {"grid": 2.0, "single": 4.0}
    assert found["ben"].seconds["grid"] == 60.0  # a page left open
    gold_unmark(photo=gold, reviewer=ann)
    count()
    assert {one.reviewer: one for one in quality.reviewer_agreements()}["cid"].gold.reviews == 0


def test_a_tie_of_the_others_compares_nobody(seen_photo: Callable[..., Photo], people: People) -> None:
    ann, ben, cid = people
    photo = seen_photo("tongue")
    for reviewer, said in ((ann, "match"), (ben, "other:grin"), (cid, "unclear")):
        say(photo, reviewer, said)
    count()
    assert [one.others.reviews for one in quality.reviewer_agreements()] == [0, 0, 0]


def test_the_sweep_counts_what_changed(seen_photo: Callable[..., Photo], people: People) -> None:
    sweep()
    assert not Job.objects.filter(kind="labeling.count_reviews").exists()
    say(seen_photo("tongue"), people[0], "match")
    from operations.models import Round

    Round.objects.filter(name="labeling.count_reviews").delete()
    sweep()
    assert Job.objects.filter(kind="labeling.count_reviews", state=Job.State.QUEUED).count() == 1


def test_page_and_csv_say_the_same(
    seen_photo: Callable[..., Photo], people: People, staff: Callable[..., Any]
) -> None:
    ann, ben, _ = people
    photo = seen_photo("tongue")
    say(photo, ann, "match")
    browser = Browser()
    browser.client.force_login(
        staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert "Counted is what was reviewed until" in browser.get("/admin/quality/").content.decode()
    say(photo, ben, "other:grin")
    say(photo, staff("dora", role="reviewer"), "match")
    count()
    page = browser.get("/admin/quality/").content.decode()
    assert "Everything that was reviewed is counted." in page
    assert "ann" in page
    tables = {
        name: list(csv.DictReader(io.StringIO(browser.get(f"/api/v1/reviews/quality/{name}.csv").content.decode())))
        for name in ("smileys", "reviewers", "pairs", "confusion")
    }  # fmt: skip
    row = next(row for row in tables["smileys"] if row["smiley"] == "tongue")
    assert (row["photos_judged_twice"], row["alpha"]) == ("1", "0.0000")
    assert {(row["first"], row["second"]): row["agreed"] for row in tables["pairs"]}["ann", "dora"] == "1"
    assert next(row for row in tables["confusion"] if row["prompt"] == "tongue")["tongue"] == "1"
    assert {row["reviewer"] for row in tables["reviewers"]} == {"ann", "ben", "dora"}
    assert browser.get("/api/v1/reviews/quality/nothing.csv").status_code == 404
