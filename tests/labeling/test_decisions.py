"""The decision function: pure, and true whatever the ballots."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.decisions import HIDDEN, HIDING, OPEN, REJECTED, Ballot, Outcome, Rule, Tally, count, decide
from tests.conftest import ROOT

SMILEYS = ("tongue", "grin", "kiss")
PROMPT = "tongue"
DECIDED = ("accepted", "rejected")
harmless = st.one_of(
    st.just(Ballot("match")),
    st.just(Ballot("unclear")),
    st.sampled_from(("no_face", "not_trying", "other")).map(lambda reason: Ballot("reject", reason=reason)),
    st.sampled_from(SMILEYS).map(lambda slug: Ballot("other", slug)),
)
hiding = st.sampled_from(sorted(HIDING)).map(lambda reason: Ballot("reject", reason=reason))
many = st.lists(harmless, max_size=9)
with_hiding = st.lists(st.one_of(harmless, hiding), max_size=9)
rules = st.builds(Rule, st.integers(1, 4), st.integers(50, 99))


def vote(ballot: Ballot) -> Outcome | None:
    """Written a second time on purpose, plainly."""
    if ballot.verdict == "unclear":
        return None
    if ballot.verdict == "reject":
        return REJECTED
    return Outcome("accepted", PROMPT if ballot.verdict == "match" else ballot.smiley)


@given(cast=with_hiding, rule=rules, shuffle=st.randoms())
def test_order_does_not_matter(cast: list[Ballot], rule: Rule, shuffle: object) -> None:
    shuffled = list(cast)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(PROMPT, shuffled, rule) == decide(PROMPT, cast, rule)
    assert count(PROMPT, shuffled) == count(PROMPT, cast)


@given(cast=many, rule=rules, more=st.integers(1, 3))
def test_agreeing_ballots_never_undo_a_decision(cast: list[Ballot], rule: Rule, more: int) -> None:
    outcome = decide(PROMPT, cast, rule)
    for ballot in cast:
        if outcome != OPEN and vote(ballot) == outcome:
            assert decide(PROMPT, [*cast, *[ballot] * more], rule) == outcome


@given(cast=many, rule=rules)
def test_what_is_decided_has_its_quorum_and_its_majority(cast: list[Ballot], rule: Rule) -> None:
    outcome = decide(PROMPT, cast, rule)
    counts = Counter(vote(ballot) for ballot in cast)

    def enough(votes: int) -> bool:
        return votes >= rule.quorum and votes / len(cast) > rule.majority / 100

    if outcome == OPEN:
        assert not [one for one, votes in counts.items() if one is not None and enough(votes)]
    else:
        assert enough(counts[outcome])


@given(cast=with_hiding, rule=rules)
def test_nothing_is_decided_by_fewer_than_the_quorum(cast: list[Ballot], rule: Rule) -> None:
    if decide(PROMPT, cast, rule).state in DECIDED:
        assert len(cast) >= rule.quorum


@given(cast=many, rule=rules, unclear=st.integers(1, 10))
def test_unclear_never_decides_and_may_undo(cast: list[Ballot], rule: Rule, unclear: int) -> None:
    before = decide(PROMPT, cast, rule)
    after = decide(PROMPT, [*cast, *[Ballot("unclear")] * unclear], rule)
    assert after in (before, OPEN)
    assert decide(PROMPT, [*cast, *[Ballot("unclear")] * (len(cast) + 1)], rule) == OPEN


@given(cast=with_hiding, hides=hiding, rule=rules, counts=st.booleans())
def test_one_who_calls_it_indecent_or_under_age_hides_it(
    cast: list[Ballot], hides: Ballot, rule: Rule, counts: bool
) -> None:
    loud = Ballot(hides.verdict, reason=hides.reason, counts=counts)
    assert decide(PROMPT, [*cast, loud], rule) == HIDDEN


@given(cast=many, aside=many, rule=rules)
def test_ballots_that_do_not_count_decide_nothing(
    cast: list[Ballot], aside: list[Ballot], rule: Rule
) -> None:
    quiet = [Ballot(one.verdict, one.smiley, one.reason, counts=False) for one in aside]
    assert decide(PROMPT, [*cast, *quiet], rule) == decide(PROMPT, cast, rule)


@given(cast=many, rule=rules)
def test_what_is_stored_of_the_ballots_suffices_to_try_another_rule(cast: list[Ballot], rule: Rule) -> None:
    tally = count(PROMPT, cast)
    assert (decide(PROMPT, cast, rule) != OPEN) == Tally(None, tally.votes, tally.ballots).satisfies(rule)


def worked_cases() -> list[tuple[str, str, str, str]]:
    text = (ROOT / "docs" / "review.md").read_text()
    return re.findall(r"^\| ([a-z_:, ]+) \| (\d) \| (\d\d) \| ([a-z ]+) \|$", text, re.MULTILINE)


def ballot_of(words: str) -> Ballot:
    verdict, _, detail = words.partition(": ")
    return Ballot(
        verdict,
        smiley=detail if verdict == "other" else None,
        reason=detail if verdict == "reject" else "",
    )


@pytest.mark.parametrize(("reviews", "quorum", "majority", "decision"), worked_cases())
def test_worked_cases_of_the_documentation(reviews: str, quorum: str, majority: str, decision: str) -> None:
    cast = [] if reviews == "none" else [ballot_of(words) for words in reviews.split(", ")]
    outcome = decide(PROMPT, cast, Rule(int(quorum), int(majority)))
    shown = f"{outcome.state} as {outcome.smiley}" if outcome.smiley else outcome.state
    assert shown == decision
    assert len(worked_cases()) >= 20


@pytest.mark.parametrize("ballot", [Ballot("love"), Ballot("other"), Ballot("")])
def test_ballot_that_is_none_is_an_error(ballot: Ballot) -> None:
    with pytest.raises(ValueError, match="verdict"):
        decide(PROMPT, [ballot], Rule())


@pytest.mark.parametrize(("quorum", "majority"), [(0, 50), (-1, 50), (2, 49), (2, 100)])
def test_rule_that_could_decide_nothing_or_anything_is_an_error(quorum: int, majority: int) -> None:
    with pytest.raises(ValueError, match="quorum"):
        Rule(quorum, majority)
