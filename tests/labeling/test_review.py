"""Reviews by people: the rules, and the page."""

import io
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from collector.models import Photo, Smiley
from collector.services import photo_withdraw
from labeling.claims import waiting_for
from labeling.models import Check, Decision, Review
from labeling.services import label_import, photo_reopen, review_record, review_undo
from labeling.signals import decision_changed
from operations.models import AuditEvent
from operations.problems import Problem
from tests.collector.conftest import Browser

from .conftest import newcomer

LOGIN = "django.contrib.auth.backends.ModelBackend"
Seen = Callable[..., Photo]


def refused(code: str, **asked: Any) -> None:
    with pytest.raises(Problem) as refusal:
        review_record(**{"verdict": "match", **asked})
    assert refusal.value.code == code


# --- the rules


def test_two_who_agree_decide(seen_photo: Seen, staff: Any, smiley: Smiley) -> None:
    photo = seen_photo()
    heard: list[tuple[str, str]] = []
    receiver = lambda decision, before, **kwargs: heard.append((before, decision.outcome))  # noqa: E731
    decision_changed.connect(receiver)
    review_record(photo=photo, reviewer=staff("alice"), verdict="match")
    photo.refresh_from_db()
    assert (photo.state, heard) == (Photo.State.IN_REVIEW, [])
    review_record(photo=photo, reviewer=staff("bob"), verdict="match")
    photo.refresh_from_db()
    smiley.refresh_from_db()
    assert (photo.state, photo.accepted_as, smiley.accepted_count) == (Photo.State.ACCEPTED, smiley, 1)
    assert heard == [("open", "accepted")]
    assert Decision.objects.get().outcome == "accepted"
    assert AuditEvent.objects.filter(action="photo_reviewed").count() == 2


def test_another_smiley_is_accepted_as_that(seen_photo: Seen, staff: Any) -> None:
    photo, grin = seen_photo(), Smiley.objects.get(slug="grin")
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="other", smiley=grin)
    photo.refresh_from_db()
    assert photo.accepted_as == grin
    assert photo.smiley.slug == "tongue", "what was asked for stays"


def test_rejections_agree_whatever_their_reasons(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    review_record(photo=photo, reviewer=staff("alice"), verdict="reject", reason="no_face")
    review_record(photo=photo, reviewer=staff("bob"), verdict="reject", reason="not_alone")
    photo.refresh_from_db()
    assert photo.state == Photo.State.REJECTED


def test_tie_stays_open_for_a_third(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    review_record(photo=photo, reviewer=staff("alice"), verdict="match")
    review_record(photo=photo, reviewer=staff("bob"), verdict="reject", reason="not_trying")
    assert Decision.objects.get().outcome == "open"
    carol = staff("carol")
    assert waiting_for(carol, None).get().photo == photo
    review_record(photo=photo, reviewer=carol, verdict="match")
    assert Decision.objects.get().outcome == "accepted"


def test_nobody_reviews_twice(seen_photo: Seen, staff: Any) -> None:
    photo, alice = seen_photo(), staff("alice")
    review_record(photo=photo, reviewer=alice, verdict="match")
    refused("reviewed_before", photo=photo, reviewer=alice)
    assert Review.objects.count() == 1
    assert not waiting_for(alice, None).exists()


def test_nobody_reviews_their_own(seen_photo: Seen, staff: Any) -> None:
    photo, alice = seen_photo(), staff("alice")
    refused("own_photo", photo=photo, reviewer=alice, own=photo.participant)
    assert not waiting_for(alice, photo.participant).exists()
    assert waiting_for(alice, newcomer()).get().photo == photo
    review_record(photo=photo, reviewer=alice, verdict="match", own=newcomer())


def test_nobody_reviews_what_is_decided(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="match")
    refused("photo_decided", photo=photo, reviewer=staff("carol"))
    assert Review.objects.count() == 2


def test_nobody_reviews_what_is_withdrawn(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    gone = Photo(pk=photo.pk)
    photo_withdraw(photo=photo, actor="participant")
    refused("photo_gone", photo=gone, reviewer=staff("alice"))


def test_nobody_reviews_what_the_detectors_have_not_seen(photo: Photo, staff: Any) -> None:
    refused("photo_decided", photo=photo, reviewer=staff("alice"))
    assert not waiting_for(staff("bob"), None).exists()


@pytest.mark.parametrize(
    "asked",
    [
        {"verdict": "other"},
        {"verdict": "reject"},
        {"verdict": "match", "reason": "no_face"},
        {"verdict": "unclear", "reason": "no_face"},
        {"verdict": "match", "smiley": "grin"},
        {"verdict": "reject", "reason": "no_face", "smiley": "grin"},
    ],
)
def test_verdict_has_to_be_whole(seen_photo: Seen, staff: Any, asked: dict[str, Any]) -> None:
    if "smiley" in asked:
        asked = {**asked, "smiley": Smiley.objects.get(slug=asked["smiley"])}
    refused("verdict_incomplete", photo=seen_photo(), reviewer=staff("alice"), **asked)
    assert not Review.objects.exists()


def test_rechecks_never_count(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    for name in ("alice", "bob"):
        Review.objects.create(
            photo=photo, reviewer=staff(name), verdict="reject", reason="other", kind="recheck"
        )
    review_record(photo=photo, reviewer=staff("carol"), verdict="match")
    assert Decision.objects.get().outcome == "open"


def test_imported_label_holds_until_people_say_otherwise(
    seen_photo: Seen, staff: Any, smiley: Smiley
) -> None:
    photo, grin = seen_photo(), Smiley.objects.get(slug="grin")
    label_import(photo=photo, smiley=grin)
    label_import(photo=photo, smiley=grin)
    photo.refresh_from_db()
    grin.refresh_from_db()
    assert (photo.accepted_as, grin.accepted_count) == (grin, 1)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_reviewers_at_once_decide_once(seen_photo: Seen, staff: Any, smiley: Smiley) -> None:
    photo = seen_photo()
    reviewers = [staff(f"user{number}") for number in range(6)]
    start = threading.Barrier(6)
    outcomes: list[str] = []

    def review(reviewer: Any) -> None:
        try:
            start.wait()
            review_record(photo=photo, reviewer=reviewer, verdict="match")
            outcomes.append("recorded")
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=review, args=(reviewer,)) for reviewer in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["photo_decided"] * 4 + ["recorded"] * 2
    smiley.refresh_from_db()
    assert smiley.accepted_count == 1


# --- hidden


@pytest.mark.parametrize("reason", ["indecent", "under_age"])
def test_one_rejection_hides_from_everybody_but_managers(seen_photo: Seen, staff: Any, reason: str) -> None:
    photo = seen_photo()
    alice = staff("alice", role="reviewer")
    review_record(photo=photo, reviewer=alice, verdict="reject", reason=reason)
    photo.refresh_from_db()
    assert photo.state == Photo.State.HIDDEN
    assert Decision.objects.get().outcome == "hidden"
    refused("photo_hidden", photo=photo, reviewer=staff("bob"))
    assert not waiting_for(staff("carol"), None).exists()
    addresses = [f"/photos/{photo.pk}/image/", f"/faces/{photo.faces.get().pk}/crop/"]
    reviewer, manager = Browser(), Browser()
    reviewer.client.force_login(alice, backend=LOGIN)
    manager.client.force_login(staff("mona", role="manager"), backend=LOGIN)
    for address in addresses:
        assert Browser().get(address).status_code == 404
        assert Browser(photo.participant).get(address).status_code == 404
        assert reviewer.get(address).status_code == 404
        assert manager.get(address).status_code == 200
    with zipfile.ZipFile(
        io.BytesIO(b"".join(Browser(photo.participant).get("/api/v1/me/export/").streaming_content))
    ) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".jpg")]


def test_accepted_photo_that_a_recheck_calls_indecent_is_an_example_no_more(
    seen_photo: Seen, staff: Any, smiley: Smiley
) -> None:
    photo, alice = seen_photo(), staff("alice")
    for name in ("bob", "carol"):
        review_record(photo=photo, reviewer=staff(name), verdict="match")
    assert list(Photo.objects.examples()) == list(Photo.objects.trainable()) == [photo]
    check = {"photo": photo, "reviewer": alice, "due_at": timezone.now(), "claimed_until": timezone.now()}
    Check.objects.create(kind="gold", **check)
    review_record(photo=photo, reviewer=alice, verdict="reject", reason="indecent")
    assert not Photo.objects.examples().exists()
    assert not Photo.objects.trainable().exists()
    assert Browser().get(f"/photos/{photo.pk}/image/").status_code == 404
    smiley.refresh_from_db()
    assert (smiley.accepted_count, smiley.accepted_people) == (0, 0)


def test_hidden_photo_that_is_opened_again_waits_for_everybody(seen_photo: Seen, staff: Any) -> None:
    photo, alice = seen_photo(), staff("alice")
    review_record(photo=photo, reviewer=alice, verdict="reject", reason="under_age")
    photo_reopen(photo=photo, reviewer=staff("mona"))
    photo.refresh_from_db()
    assert photo.state == Photo.State.IN_REVIEW
    assert list(waiting_for(alice, None)) == [photo.queue_entry]


# --- taking back


def test_undone_verdict_stays_as_history_and_the_photo_comes_back(seen_photo: Seen, staff: Any) -> None:
    photo, alice = seen_photo(), staff("alice")
    review = review_record(photo=photo, reviewer=alice, verdict="reject", reason="indecent")
    again = review_undo(review_id=review.pk, reviewer=alice)
    assert (again.pk, again.state) == (photo.pk, Photo.State.IN_REVIEW)
    assert photo.queue_entry.claimed_by == alice
    review_record(photo=photo, reviewer=alice, verdict="match")
    history = [(one.verdict, one.set_aside_at is None) for one in Review.objects.order_by("pk")]
    assert history == [("reject", False), ("match", True)]
    assert Decision.objects.get().ballots == 1
    assert AuditEvent.objects.filter(action="review_undone").count() == 1


def test_undone_verdict_opens_what_it_decided(seen_photo: Seen, staff: Any, smiley: Smiley) -> None:
    photo, bob = seen_photo(), staff("bob")
    review_record(photo=photo, reviewer=staff("alice"), verdict="match")
    review = review_record(photo=photo, reviewer=bob, verdict="match")
    review_undo(review_id=review.pk, reviewer=bob)
    photo.refresh_from_db()
    smiley.refresh_from_db()
    assert (photo.state, photo.accepted_as, smiley.accepted_count) == (Photo.State.IN_REVIEW, None, 0)
    assert list(waiting_for(bob, None)) == [photo.queue_entry]


@pytest.mark.parametrize(
    ("whose", "age", "code"),
    [
        ("bob", timedelta(), "review_unknown"),
        ("alice", timedelta(hours=2), "undo_too_late"),
    ],
)
def test_only_ones_own_and_only_for_an_hour(
    seen_photo: Seen, staff: Any, whose: str, age: timedelta, code: str
) -> None:
    people = {name: staff(name) for name in ("alice", "bob")}
    review = review_record(photo=seen_photo(), reviewer=people["alice"], verdict="match")
    Review.objects.update(created_at=timezone.now() - age)
    with pytest.raises(Problem) as refusal:
        review_undo(review_id=review.pk, reviewer=people[whose])
    assert refusal.value.code == code
    assert Review.objects.standing().count() == 1


def test_nothing_is_undone_twice(seen_photo: Seen, staff: Any) -> None:
    alice = staff("alice")
    review = review_record(photo=seen_photo(), reviewer=alice, verdict="match")
    review_undo(review_id=review.pk, reviewer=alice)
    with pytest.raises(Problem):
        review_undo(review_id=review.pk, reviewer=alice)
    assert AuditEvent.objects.filter(action="review_undone").count() == 1


def test_opened_again_everybody_may_judge_anew_and_history_stays(seen_photo: Seen, staff: Any) -> None:
    photo, people = seen_photo(), [staff("alice"), staff("bob")]
    for somebody in people:
        review_record(photo=photo, reviewer=somebody, verdict="match")
    photo_reopen(photo=photo, reviewer=staff("mona"))
    photo.refresh_from_db()
    assert (photo.state, Decision.objects.get().ballots) == (Photo.State.IN_REVIEW, 0)
    for somebody in people:
        review_record(photo=photo, reviewer=somebody, verdict="reject", reason="no_face")
    photo.refresh_from_db()
    assert photo.state == Photo.State.REJECTED
    assert Review.objects.count() == 4


def test_imported_label_holds_no_longer_once_the_photo_was_opened(
    seen_photo: Seen, staff: Any, smiley: Smiley
) -> None:
    photo = seen_photo()
    label_import(photo=photo, smiley=smiley)
    photo_reopen(photo=photo, reviewer=staff("mona"))
    photo.refresh_from_db()
    assert photo.state == Photo.State.IN_REVIEW


# --- time


@pytest.mark.parametrize(("said", "kept"), [(2.5, 2.5), (-1, 0), (1e9, 3600), (None, None)])
def test_time_for_the_photo_is_kept_within_reason(
    seen_photo: Seen, staff: Any, said: float | None, kept: float | None
) -> None:
    review = review_record(photo=seen_photo(), reviewer=staff("alice"), verdict="match", seconds=said)
    assert review.seconds == kept


# --- the crop


def test_crop_is_for_its_owner_and_for_staff(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    address = f"/faces/{photo.faces.get().pk}/crop/"
    assert Browser(photo.participant).get(address).status_code == 200
    assert Browser(newcomer()).get(address).status_code == 404
    assert Browser().get(address).status_code == 404
    nobody = Browser()
    nobody.client.force_login(staff("norole"), backend=LOGIN)
    assert nobody.get(address).status_code == 404
    reviewer = Browser()
    reviewer.client.force_login(staff("rita", role="reviewer"), backend=LOGIN)
    answer = reviewer.get(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert AuditEvent.objects.get(action="photo_viewed").actor == "staff:rita"


def test_crop_of_an_example_is_nobodys_business(seen_photo: Seen, staff: Any) -> None:
    photo = seen_photo()
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="match")
    assert list(Photo.objects.examples()) == [photo]
    assert Browser().get(f"/photos/{photo.pk}/image/").status_code == 200
    assert Browser().get(f"/faces/{photo.faces.get().pk}/crop/").status_code == 404


def test_face_without_a_crop_has_none(seen_photo: Seen) -> None:
    photo = seen_photo()
    photo.faces.update(crop="")
    assert Browser(photo.participant).get(f"/faces/{photo.faces.get().pk}/crop/").status_code == 404
