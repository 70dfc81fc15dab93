"""The queue: what an answer is worth, who is handed what, and nobody the same."""

import random
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from collector.models import Participant, Photo, Smiley
from collector.services import photo_decided, photo_processed, photo_submit, photo_withdraw
from labeling.claims import LEASE, MOST_HELD, claims_release, claims_take, waiting_for
from labeling.decisions import Ballot, count
from labeling.filters import filter_of
from labeling.models import Analysis, QueueEntry, SmileyQueue
from labeling.queue import entry_refresh, opinion_record, queues_weigh_anew
from labeling.services import review_record
from labeling.worth import Opinion, age, doubt, rarity
from operations.problems import Problem
from tests.collector.pictures import jpeg_of

from .conftest import newcomer

Seen = Callable[..., Photo]


@pytest.fixture(autouse=True)
def nothing_mixed_in(settings: Any) -> None:
    settings.REVIEW_GOLD_PERCENT = settings.REVIEW_GRID_CHECK_PERCENT = settings.REVIEW_RECHECK_PERCENT = 0


def take(reviewer: Any, count: int = 1, mode: str = "single", own: Any = None, **rest: Any) -> list[Photo]:
    words = {name: rest.pop(name) for name in list(rest) if name != "holding"}
    return claims_take(reviewer=reviewer, own=own, mode=mode, wanted=filter_of(words), count=count, **rest)


# --- what an answer is worth


def tally(*verdicts: str) -> Any:
    return count("tongue", [Ballot(*verdict.split(":")) for verdict in verdicts])


def test_the_less_they_agree_the_more_an_answer_is_worth() -> None:
    sure, doubtful = Opinion("tongue", 0.9), Opinion("grin", 0.2)
    ordered = [
        doubt("tongue", tally("match"), None),
        doubt("tongue", tally("match"), sure),
        doubt("tongue", tally(), doubtful),
        doubt("tongue", tally("other:grin"), None),
        doubt("tongue", tally("match", "match", "reject"), sure),
        doubt("tongue", tally("match"), doubtful),
        doubt("tongue", tally("match", "reject"), sure),
        doubt("tongue", tally("unclear"), sure),
    ]
    assert ordered == sorted(ordered)
    assert ordered[0] == doubt("tongue", tally(), None) == 0


def test_a_month_of_waiting_outweighs_a_point_of_doubt() -> None:
    day = datetime(2026, 11, 21, tzinfo=UTC)
    assert age(day - timedelta(days=30)) - age(day) == pytest.approx(1)


def test_rare_smileys_are_worth_more() -> None:
    assert [rarity(people, 100) for people in (0, 100, 300)] == [1, 0.5, 0.25]
    assert rarity(0, 0) == 0


def test_disagreement_then_rarity_then_age_come_first(seen_photo: Seen, staff: Any) -> None:
    now = timezone.now()
    kiss = Smiley.objects.get(slug="kiss")
    Smiley.objects.exclude(slug="kiss").update(accepted_people=300)
    young, old = seen_photo(created_at=now), seen_photo(created_at=now - timedelta(days=3))
    rare = seen_photo("kiss", created_at=now)
    doubted = seen_photo(created_at=now)
    for photo in (young, old, rare):
        entry_refresh(photo=photo)
    opinion_record(photo=doubted, smiley=kiss, prompt_share=0.0)
    contested = seen_photo(created_at=now)
    for name, verdict in (("bob", "match"), ("carol", "unclear")):
        review_record(photo=contested, reviewer=staff(name), verdict=verdict)
    assert take(staff("alice"), 5) == [contested, doubted, rare, old, young]


def test_entries_follow_the_rarity_of_their_smiley(seen_photo: Seen) -> None:
    photo = seen_photo()
    before = QueueEntry.objects.get().worth
    assert queues_weigh_anew() == 0
    Smiley.objects.filter(slug="tongue").update(accepted_people=100)
    assert queues_weigh_anew() == 1
    photo.queue_entry.refresh_from_db()
    assert before - QueueEntry.objects.get().worth == pytest.approx(0.5)


# --- who waits


def test_photos_wait_as_long_as_they_await_review(photo: Photo, staff: Any, smiley: Smiley) -> None:
    def waits() -> bool:
        return QueueEntry.objects.filter(photo=photo).exists()

    assert not waits()
    photo_processed(photo=photo, face_found=True)
    assert waits()
    photo_decided(photo=photo, accepted_as=smiley)
    assert not waits()
    photo_decided(photo=photo, accepted_as=None, open_again=True)
    assert waits()
    photo_withdraw(photo=photo, actor="participant")
    assert not QueueEntry.objects.exists()


def test_nobody_is_handed_their_own_nor_what_they_have_reviewed(seen_photo: Seen, staff: Any) -> None:
    reviewed, own, other = seen_photo(), seen_photo(), seen_photo()
    alice = staff("alice")
    review_record(photo=reviewed, reviewer=alice, verdict="match")
    assert take(alice, 5, own=own.participant) == [other]
    claims_release(reviewer=alice, photos=[other.pk])
    assert set(take(staff("bob"), 5)) == {reviewed, own, other}


# --- claims


def test_what_is_held_is_handed_to_nobody_else_until_it_is_let_go(seen_photo: Seen, staff: Any) -> None:
    photos = {seen_photo() for _ in range(3)}
    alice, bob = staff("alice"), staff("bob")
    held = take(alice, 2)
    (rest,) = take(bob, 5)
    assert {*held, rest} == photos
    claims_release(reviewer=bob, photos=[photo.pk for photo in photos])  # his own only
    assert take(staff("carol"), 5) == [rest]
    claims_release(reviewer=alice, photos=[held[0].pk])
    assert take(bob, 5) == [held[0]]


def test_lease_runs_out_and_is_renewed_by_who_still_looks(seen_photo: Seen, staff: Any) -> None:
    photo, alice, bob = seen_photo(), staff("alice"), staff("bob")
    assert take(alice) == [photo]
    QueueEntry.objects.update(claimed_until=timezone.now() + timedelta(seconds=5))
    take(alice, holding=[photo.pk])
    assert QueueEntry.objects.get().claimed_until > timezone.now() + LEASE / 2
    assert take(bob) == []
    QueueEntry.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert take(bob) == [photo]
    take(alice, holding=[photo.pk])
    assert QueueEntry.objects.get().claimed_by == bob, "a lease that ran out does not come back"


def test_same_reviewer_gets_what_another_window_holds_only_when_nothing_else_waits(
    seen_photo: Seen, staff: Any
) -> None:
    photos, alice = {seen_photo() for _ in range(3)}, staff("alice")
    first = take(alice, 2)
    second = take(alice, 2)
    assert {*first, second[0]} == photos, "first what nobody holds"
    assert second[1] in first


def test_verdict_on_what_somebody_else_holds_is_refused(seen_photo: Seen, staff: Any) -> None:
    photo, alice, bob = seen_photo(), staff("alice"), staff("bob")
    take(alice)
    with pytest.raises(Problem) as refusal:
        review_record(photo=photo, reviewer=bob, verdict="match")
    assert refusal.value.code == "photo_claimed"
    QueueEntry.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    review_record(photo=photo, reviewer=bob, verdict="match")
    review_record(photo=photo, reviewer=alice, verdict="match")


def test_verdict_lets_go(seen_photo: Seen, staff: Any) -> None:
    photo, alice = seen_photo(), staff("alice")
    take(alice)
    review_record(photo=photo, reviewer=alice, verdict="match")
    assert take(staff("bob")) == [photo]


def test_nobody_hoards(seen_photo: Seen, staff: Any) -> None:
    seen_photo()
    with pytest.raises(Problem) as refusal:
        take(staff("alice"), MOST_HELD + 1)
    assert refusal.value.code == "too_many_claims"
    assert not QueueEntry.objects.held().exists()


# --- the grid


def test_grid_has_one_smiley_and_nothing_hard(seen_photo: Seen, staff: Any) -> None:
    Smiley.objects.exclude(slug="kiss").update(accepted_people=300)
    kisses = {seen_photo("kiss") for _ in range(3)}
    tongues = {seen_photo("tongue") for _ in range(2)}
    faceless, unsure = seen_photo("kiss"), seen_photo("kiss")
    Photo.objects.filter(pk=faceless.pk).update(state=Photo.State.NO_FACE)
    entry_refresh(photo=faceless)
    review_record(photo=unsure, reviewer=staff("bob"), verdict="unclear")
    alice = staff("alice")
    assert set(take(alice, 24, "grid")) == kisses
    assert set(take(alice, 24, "grid")) == tongues
    assert take(alice, 24, "grid", smiley="grin") == []
    assert set(take(staff("carol"), 24, "single")) == {faceless, unsure}


# --- filters


def test_filters_narrow_the_queue(seen_photo: Seen, staff: Any) -> None:
    kiss = Smiley.objects.get(slug="kiss")
    old = seen_photo("kiss")
    QueueEntry.objects.filter(pk=old.pk).update(sent_at=datetime(2025, 5, 1, 12, tzinfo=UTC))
    dark, doubted, contested = seen_photo(), seen_photo(), seen_photo()
    Analysis.objects.create(photo=dark, perceptual_hash=0, flags={"dark": 20.0, "blurred": 0.1})
    entry_refresh(photo=dark)
    opinion_record(photo=doubted, smiley=kiss, prompt_share=0.1)
    for name, verdict in (("bob", "match"), ("carol", "unclear")):
        review_record(photo=contested, reviewer=staff(name), verdict=verdict)
    alice = staff("alice")

    def found(**words: str) -> set[Photo]:
        photos = set(take(alice, 10, **words))
        claims_release(reviewer=alice, photos=[photo.pk for photo in photos])
        return photos

    assert found(smiley="kiss") == {old}
    assert found(flag="dark") == found(flag="blurred") == {dark}
    assert found(flag="bright") == set()
    assert found(participant=str(doubted.participant_id)) == {doubted}
    assert found(model="disagrees") == {doubted}
    assert found(reviewers="disagree") == {contested}
    assert found(since="2025-05-01", until="2025-05-01") == {old}
    assert found(until="2025-04-30") == set()
    assert found(since="2025-05-02") == {dark, doubted, contested}
    assert found(since=timezone.now().date().isoformat()) == {dark, doubted, contested}
    assert found(since="2025-05-02", smiley="tongue", flag="dark") == {dark}
    assert len(found(smiley="", flag=" ")) == 4


@pytest.mark.database
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"colour": "blue"}, "filter_unknown"),
        ({"smiley": "sneer"}, "filter_unusable"),
        ({"smiley": "\0"}, "filter_unusable"),
        ({"flag": "ugly"}, "filter_unusable"),
        ({"participant": "Alice"}, "filter_unusable"),
        ({"dataset": "newest"}, "filter_unusable"),
        ({"dataset": "9" * 30}, "filter_unusable"),
        ({"model": "agrees"}, "filter_unusable"),
        ({"reviewers": "sleep"}, "filter_unusable"),
        ({"since": "yesterday"}, "filter_unusable"),
        ({"since": "2026-13-40"}, "filter_unusable"),
        ({"until": "0001-01-01"}, "filter_unusable"),
        ({"until": "9999-12-31"}, "filter_unusable"),
    ],
)
def test_filter_that_is_none_says_what_there_is(db: None, words: dict[str, str], code: str) -> None:
    with pytest.raises(Problem) as refusal:
        filter_of(words)
    assert refusal.value.code == code
    assert refusal.value.detail.endswith(".")


# --- two at once


def waiting_photos(number: int, participant: Participant) -> list[Photo]:
    photos = []
    for _ in range(number):
        photo, _ = photo_submit(
            participant=participant,
            smiley=Smiley.objects.get(slug="tongue"),
            client_id=uuid.uuid4(),
            data=jpeg_of(),
        )
        photo_processed(photo=photo, face_found=True)
        photos.append(photo)
    return photos


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_reviewers_never_hold_the_same_photo(private_folder: Any, staff: Any) -> None:
    """A hundred times both take at once, and hold what they took at the same time."""
    photos = waiting_photos(6, newcomer())
    reviewers = [staff("alice"), staff("bob")]
    held: list[set[uuid.UUID]] = [set(), set()]
    clashes: list[set[uuid.UUID]] = []
    errors: list[BaseException] = []
    meet = threading.Barrier(2, timeout=60)

    def race(number: int) -> None:
        reviewer, dice = reviewers[number], random.Random(number)
        try:
            for _ in range(100):
                meet.wait()
                taken = take(reviewer, dice.randint(1, 4), dice.choice(["grid", "single"]))
                held[number] = {photo.pk for photo in taken}
                meet.wait()
                clashes.append(held[0] & held[1])
                meet.wait()
                claims_release(reviewer=reviewer, photos=held[number])
        except BaseException as error:
            errors.append(error)
            meet.abort()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert clashes == [set()] * 200
    assert waiting_for(reviewers[0], None).free().count() == len(photos)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_reviewers_who_empty_a_queue_at_once_leave_nothing_and_write_nothing_twice(
    private_folder: Any, staff: Any
) -> None:
    photos = waiting_photos(12, newcomer())
    SmileyQueue.objects.update(quorum=1)
    reviewers = [staff(name) for name in ("alice", "bob", "carol")]
    judged: list[uuid.UUID] = []
    errors: list[BaseException] = []

    def work(reviewer: Any) -> None:
        try:
            while taken := take(reviewer, 2):
                for photo in taken:
                    review_record(photo=photo, reviewer=reviewer, verdict="match")
                    judged.append(photo.pk)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(reviewer,)) for reviewer in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(judged) == sorted(photo.pk for photo in photos)
    assert not QueueEntry.objects.exists()
    assert Smiley.objects.get(slug="tongue").accepted_count == 12


def test_the_newest_come_in_the_same_order(seen_photo: Seen, staff: Any) -> None:
    today = timezone.now().date().isoformat()
    photos = [seen_photo() for _ in range(4)]
    for photo, worth in zip(photos, (2, 4, 1, 3), strict=True):
        QueueEntry.objects.filter(pk=photo.pk).update(worth=worth)
    alice = staff("alice")
    ordered = [photos[1], photos[3], photos[0], photos[2]]
    assert take(alice, 2, since=today) == ordered[:2]
    assert take(staff("bob"), 2, since=today) == ordered[2:]


def test_an_entry_knows_when_its_photo_was_sent(seen_photo: Seen) -> None:
    photo = seen_photo()
    assert QueueEntry.objects.get(photo=photo).sent_at == photo.created_at
