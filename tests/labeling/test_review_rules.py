"""Rules by smiley: what another rule would change is known before, and done afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.models import Photo, Smiley
from labeling.decisions import Rule
from labeling.models import Decision, Review, SmileyQueue
from labeling.rules import decisions_anew, rule_change, rule_of, rule_preview
from labeling.services import decision_update, label_import, review_record
from operations.jobs import running
from operations.models import AuditEvent, Job
from operations.problems import Problem

Seen = Callable[..., Photo]


@pytest.fixture
def judged(seen_photo: Seen, staff: Any) -> Callable[..., Photo]:
    """Make a photo with one review for each verdict, by as many reviewers."""
    reviewers: list[Any] = []

    def make(*verdicts: str, slug: str = "tongue") -> Photo:
        photo = seen_photo(slug)
        for number, verdict in enumerate(verdicts):
            if number == len(reviewers):
                reviewers.append(staff(f"reviewer{number}"))
            reason = "no_face" if verdict == "reject" else ""
            Review.objects.create(photo=photo, reviewer=reviewers[number], verdict=verdict, reason=reason)
        decision_update(photo=photo)
        return photo

    return make


def outcomes() -> list[str]:
    return list(Decision.objects.order_by("photo__created_at").values_list("outcome", flat=True))


def test_smiley_has_the_rule_of_the_configuration_until_it_has_its_own(
    judged: Callable[..., Photo], settings: Any
) -> None:
    settings.REVIEW_QUORUM = 3
    judged("match", "match")
    assert outcomes() == ["open"]
    settings.REVIEW_QUORUM = 2
    judged("match", "match")
    assert outcomes() == ["open", "open"], "what was begun by one rule is not ended by another"
    judged("match", "match", slug="grin")
    assert outcomes()[-1] == "accepted"


def test_preview_says_what_the_change_then_does(judged: Callable[..., Photo], staff: Any) -> None:
    judged("match")
    judged("reject")
    judged("unclear")
    judged("match", "match")
    judged("match", "match", "unclear")
    judged("match", slug="grin")
    tongue = Smiley.objects.get(slug="tongue")
    before = outcomes()
    assert before == ["open", "open", "open", "accepted", "accepted", "open"]

    lower = rule_preview(tongue, Rule(1, 50))
    assert (lower.decided, lower.opened, lower.total) == (2, 0, 2)
    stricter = rule_preview(tongue, Rule(2, 70))
    assert (stricter.decided, stricter.opened) == (0, 1)
    assert outcomes() == before, "looking changes nothing"

    rule_change(smiley=tongue, rule=Rule(1, 50), reviewer=staff("mona"))
    job = Job.objects.get(kind="labeling.decide_anew")
    running.run(str(job.pk))
    assert outcomes() == ["accepted", "rejected", "open", "accepted", "accepted", "open"]
    assert rule_preview(tongue, Rule(1, 50)).total == 0
    tongue.refresh_from_db()
    assert tongue.accepted_count == 3
    event = AuditEvent.objects.get(action="rule_changed")
    assert (event.actor, event.details) == ("staff:mona", {"before": "2, 50 %", "after": "1, 50 %"})

    rule_change(smiley=tongue, rule=Rule(2, 70), reviewer=staff("max"))
    running.run(str(Job.objects.get(kind="labeling.decide_anew", state=Job.State.QUEUED).pk))
    assert outcomes() == ["open", "open", "open", "accepted", "open", "open"]
    photo = Photo.objects.order_by("created_at").first()
    assert photo is not None
    assert photo.state == Photo.State.IN_REVIEW
    assert photo.queue_entry is not None


def test_same_rule_again_changes_nothing(judged: Callable[..., Photo], staff: Any) -> None:
    judged("match")
    rule_change(smiley=Smiley.objects.get(slug="tongue"), rule=Rule(2, 50), reviewer=staff("mona"))
    assert not Job.objects.filter(kind="labeling.decide_anew").exists()
    assert not AuditEvent.objects.filter(action="rule_changed").exists()


def test_interrupted_job_goes_on_where_it_stopped(
    judged: Callable[..., Photo], staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labeling import rules

    for _ in range(5):
        judged("match")
    monkeypatch.setattr(rules, "_PAGE", 2)
    monkeypatch.setattr(rules, "_AT_ONCE", 3)
    rule_change(smiley=Smiley.objects.get(slug="tongue"), rule=Rule(1), reviewer=staff("mona"))
    reports: list[tuple[int, int]] = []
    left = decisions_anew(slug="tongue", report=lambda done, total, said: reports.append((done, total)))
    assert (left, outcomes().count("accepted"), reports) == (2, 3, [(2, 5), (3, 5)])
    running.run(str(Job.objects.get(kind="labeling.decide_anew").pk))
    assert outcomes() == ["accepted"] * 5


def test_hidden_photos_stay_hidden_by_any_rule(seen_photo: Seen, staff: Any, smiley: Smiley) -> None:
    review_record(photo=seen_photo(), reviewer=staff("alice"), verdict="reject", reason="indecent")
    assert rule_preview(smiley, Rule(1)).total == 0


def test_imported_label_stays_where_the_reviews_decide_nothing(
    judged: Callable[..., Photo], staff: Any, smiley: Smiley
) -> None:
    photo = judged("match")
    label_import(photo=photo, smiley=Smiley.objects.get(slug="grin"))
    photo.refresh_from_db()
    assert photo.accepted_as == Smiley.objects.get(slug="grin")
    rule_change(smiley=smiley, rule=Rule(1), reviewer=staff("mona"))
    decisions_anew(slug="tongue", report=lambda *said: None)
    photo.refresh_from_db()
    assert photo.accepted_as == smiley, "now they decide"
    rule_change(smiley=smiley, rule=Rule(2), reviewer=staff("max"))
    decisions_anew(slug="tongue", report=lambda *said: None)
    photo.refresh_from_db()
    assert photo.accepted_as == Smiley.objects.get(slug="grin")


@pytest.mark.parametrize(("quorum", "majority"), [(0, 50), (10, 50), (2, 49), (2, 100), (-1, 60)])
def test_unusable_rule_is_refused_with_the_numbers_that_would_do(quorum: int, majority: int) -> None:
    with pytest.raises(Problem) as refusal:
        rule_of(quorum, majority)
    assert refusal.value.code == "rule_unusable"


@pytest.mark.database
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(quorum=st.integers(1, 4), majority=st.integers(50, 99), former=st.integers(1, 4))
def test_decisions_brought_in_line_are_those_that_the_rule_takes(
    judged: Callable[..., Photo], staff: Any, quorum: int, majority: int, former: int
) -> None:
    tongue = Smiley.objects.get(slug="tongue")
    if not Decision.objects.exists():
        for number in range(8):
            judged(*[("match", "match", "unclear", "reject")[bit] for bit in range(number % 5)])
        judged("match", "match", "match")
        judged("reject", "reject", "match")
    for rule in (Rule(former), Rule(quorum, majority)):
        SmileyQueue.objects.filter(smiley=tongue).update(quorum=rule.quorum, majority=rule.majority)
        foretold = rule_preview(tongue, rule)
        before = outcomes()
        decisions_anew(slug="tongue", report=lambda *said: None)
        after = outcomes()
        for photo in Photo.objects.all():
            decision_update(photo=photo)
        assert outcomes() == after, "each by itself comes out the same"
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert foretold.opened == sum(new == "open" for _, new in changed)
        assert foretold.decided == len(changed) - foretold.opened
