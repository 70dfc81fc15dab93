"""What is mixed in to measure reviewers: it comes when it should, cannot be told apart, and decides nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from collector.models import Photo, Smiley
from collector.services import photo_withdraw
from labeling.checks import gold_mark, gold_unmark
from labeling.claims import claims_release, claims_take
from labeling.filters import filter_of
from labeling.models import Check, Decision, GoldPhoto, Review, SmileyQueue
from labeling.services import label_import, review_record, review_undo
from operations.problems import Problem

Seen = Callable[..., Photo]


@pytest.fixture(autouse=True)
def shares(settings: Any) -> Any:
    """Nothing is mixed in unless a test says so: all or nothing, for half of it would be chance."""
    settings.REVIEW_GOLD_PERCENT = settings.REVIEW_GRID_CHECK_PERCENT = settings.REVIEW_RECHECK_PERCENT = 0
    return settings


@pytest.fixture
def gold(seen_photo: Seen, staff: Any) -> Callable[..., Photo]:
    manager = staff("mona", role="manager")

    def make(slug: str = "tongue") -> Photo:
        photo = seen_photo(slug)
        label_import(photo=photo, smiley=photo.smiley)
        gold_mark(photo=photo, reviewer=manager)
        return photo

    return make


def take(reviewer: Any, count: int = 1, mode: str = "single", own: Any = None, **words: str) -> list[Photo]:
    return claims_take(reviewer=reviewer, own=own, mode=mode, wanted=filter_of(words), count=count)


def days_pass(days: int) -> None:
    for check in Check.objects.all():
        Check.objects.filter(pk=check.pk).update(due_at=check.due_at - timedelta(days=days))


# --- gold


def test_gold_needs_a_decision_and_keeps_it(seen_photo: Seen, staff: Any) -> None:
    photo, manager = seen_photo(), staff("mona")
    with pytest.raises(Problem) as refusal:
        gold_mark(photo=photo, reviewer=manager)
    assert refusal.value.code == "photo_undecided"
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="reject", reason="no_face")
    gold_mark(photo=photo, reviewer=manager)
    marked = gold_mark(photo=photo, reviewer=staff("max"))
    assert (marked.outcome, marked.smiley, marked.marked_by) == ("rejected", None, manager)


def test_gold_comes_once_to_everybody_and_decides_nothing(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    golden, _waiting = gold(), seen_photo()
    shares.REVIEW_GOLD_PERCENT = 100
    for name in ("alice", "bob"):
        reviewer = staff(name)
        assert take(reviewer) == [golden]
        review = review_record(photo=golden, reviewer=reviewer, verdict="reject", reason="no_face")
        assert review.kind == Review.Kind.GOLD
        assert take(reviewer) != [golden], "judged once"
        claims_release(reviewer=reviewer, photos=[_waiting.pk])
    golden.refresh_from_db()
    assert golden.state == Photo.State.ACCEPTED
    assert Decision.objects.get(photo=golden).ballots == 0
    assert not Check.objects.exists()


def test_gold_is_held_by_one_at_a_time(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    golden, waiting = gold(), [seen_photo() for _ in range(2)]
    shares.REVIEW_GOLD_PERCENT = 100
    alice, bob = staff("alice"), staff("bob")
    assert take(alice) == [golden]
    assert take(bob) != [golden]
    claims_release(reviewer=alice, photos=[golden.pk])
    assert not Check.objects.exists()
    assert take(bob) == [golden]
    assert len(waiting) == 2


def test_gold_of_ones_own_and_gold_among_nothing_is_not_shown(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    golden = gold()
    shares.REVIEW_GOLD_PERCENT = 100
    alice = staff("alice")
    assert take(alice) == [], "alone it would be known for gold"
    waiting = seen_photo()
    assert take(alice, own=golden.participant) == [waiting]


def test_gold_stands_where_it_does_not_stick_out(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    kiss, tongue = gold("kiss"), gold("tongue")
    waiting = [seen_photo("tongue") for _ in range(6)]
    shares.REVIEW_GOLD_PERCENT = 100
    alice = staff("alice")
    page = take(alice, 4, "grid")
    assert tongue in page
    assert kiss not in page
    assert len(page) == 4
    claims_release(reviewer=alice, photos=[photo.pk for photo in page])
    narrowed = take(alice, 4, participant=str(waiting[0].participant_id))
    assert narrowed == [waiting[0]]


def test_gold_no_longer_is_asked_of_nobody(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    golden, waiting, alice = gold(), seen_photo(), staff("alice")
    shares.REVIEW_GOLD_PERCENT = 100
    assert take(alice) == [golden]
    gold_unmark(photo=golden, reviewer=staff("max"))
    assert not GoldPhoto.objects.exists()
    assert take(alice) == [waiting]
    with pytest.raises(Problem):
        review_record(photo=golden, reviewer=alice, verdict="match")


def test_undone_gold_verdict_is_asked_for_again_and_still_counts_for_nothing(
    gold: Callable[..., Photo], seen_photo: Seen, staff: Any, shares: Any
) -> None:
    golden, _waiting, alice = gold(), seen_photo(), staff("alice")
    shares.REVIEW_GOLD_PERCENT = 100
    take(alice)
    review = review_record(photo=golden, reviewer=alice, verdict="unclear")
    review_undo(review_id=review.pk, reviewer=alice)
    assert review_record(photo=golden, reviewer=alice, verdict="match").kind == Review.Kind.GOLD


# --- what comes back


def test_what_one_decided_alone_comes_back_to_them_a_week_later(
    seen_photo: Seen, staff: Any, shares: Any
) -> None:
    shares.REVIEW_RECHECK_PERCENT = 100
    photo, alice = seen_photo(), staff("alice")
    SmileyQueue.objects.update(quorum=1)
    review_record(photo=photo, reviewer=alice, verdict="match")
    days_pass(6)
    assert take(alice) == []
    days_pass(1)
    assert take(staff("bob")) == []
    assert take(alice, mode="grid") == [], "singly"
    assert take(alice) == [photo]
    review = review_record(photo=photo, reviewer=alice, verdict="unclear")
    assert review.kind == Review.Kind.RECHECK
    photo.refresh_from_db()
    assert photo.state == Photo.State.ACCEPTED
    assert take(alice) == []


def test_what_two_decided_does_not_come_back(seen_photo: Seen, staff: Any, shares: Any) -> None:
    shares.REVIEW_RECHECK_PERCENT = 100
    photo = seen_photo()
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="match")
    assert not Check.objects.exists()


def test_what_was_passed_in_the_grid_comes_back_singly_once_it_is_decided(
    seen_photo: Seen, staff: Any, shares: Any
) -> None:
    shares.REVIEW_GRID_CHECK_PERCENT = 100
    passed, struck, singly = [seen_photo() for _ in range(3)]
    alice, bob = staff("alice"), staff("bob")
    review_record(photo=passed, reviewer=alice, verdict="match", mode="grid")
    review_record(photo=struck, reviewer=alice, verdict="reject", reason="not_trying", mode="grid")
    review_record(photo=singly, reviewer=alice, verdict="match")
    days_pass(1)
    assert take(alice, 5) == [], "while it waits for others it is theirs"
    for photo in (passed, struck, singly):
        review_record(photo=photo, reviewer=bob, verdict="match")
    assert take(alice, 5) == [passed]
    review = review_record(photo=passed, reviewer=alice, verdict="match")
    assert review.kind == Review.Kind.GRID_CHECK
    assert Decision.objects.get(photo=passed).ballots == 2


def test_undone_grid_verdict_does_not_come_back(seen_photo: Seen, staff: Any, shares: Any) -> None:
    shares.REVIEW_GRID_CHECK_PERCENT = 100
    alice = staff("alice")
    review = review_record(photo=seen_photo(), reviewer=alice, verdict="match", mode="grid")
    assert Check.objects.count() == 1
    review_undo(review_id=review.pk, reviewer=alice)
    assert not Check.objects.exists()


def test_about_the_set_share_comes_back_and_always_the_same(
    seen_photo: Seen, staff: Any, shares: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling import checks

    drawn = [checks._drawn(photo, "recheck") for photo in map(_uuid, range(4000))]
    assert drawn == [checks._drawn(photo, "recheck") for photo in map(_uuid, range(4000))]
    assert 0.02 < sum(number < 3 for number in drawn) / 4000 < 0.04
    assert min(drawn) == 0
    assert max(drawn) == 99
    shares.SECRET_KEY = "another"
    assert drawn != [checks._drawn(photo, "recheck") for photo in map(_uuid, range(4000))]


def _uuid(number: int) -> Any:
    import uuid

    return uuid.UUID(int=number)


def test_while_the_queue_lasts_few_come_back_at_once(seen_photo: Seen, staff: Any, shares: Any) -> None:
    alice = staff("alice")
    due = [seen_photo() for _ in range(8)]
    for photo in due:
        label_import(photo=photo, smiley=photo.smiley)
        Check.objects.create(photo=photo, reviewer=alice, kind="recheck", due_at=timezone.now())
    waiting = [seen_photo() for _ in range(40)]
    page = take(alice, 40)
    assert len(page) == 40
    assert len(set(page) & set(waiting)) >= 32
    claims_release(reviewer=alice, photos=[photo.pk for photo in page])
    assert not Check.objects.exclude(claimed_until=None).exists()
    for photo in waiting:
        photo_withdraw(photo=photo, actor="participant")
    assert set(take(alice, 40)) == set(due)


def test_withdrawn_photo_is_no_gold_and_comes_back_to_nobody(
    gold: Callable[..., Photo], staff: Any, smiley: Smiley
) -> None:
    golden, alice = gold(), staff("alice")
    Check.objects.create(photo=golden, reviewer=alice, kind="recheck", due_at=timezone.now())
    photo_withdraw(photo=golden, actor="participant")
    assert not GoldPhoto.objects.exists()
    assert not Check.objects.exists()
