"""The decision function: pure, and true whatever the ballots."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.decisions import OPEN, REJECTED, Ballot, Outcome, decide

SMILEYS = ("tongue", "grin", "kiss")
PROMPT = "tongue"
ballots = st.one_of(
    st.just(Ballot("match")),
    st.just(Ballot("unclear")),
    st.just(Ballot("reject")),
    st.sampled_from(SMILEYS).map(lambda slug: Ballot("other", slug)),
)
many = st.lists(ballots, max_size=9)
quorums = st.integers(1, 4)


def vote(ballot: Ballot) -> Outcome | None:
    """Written a second time on purpose, plainly."""
    if ballot.verdict == "unclear":
        return None
    if ballot.verdict == "reject":
        return REJECTED
    return Outcome("accepted", PROMPT if ballot.verdict == "match" else ballot.smiley)


@given(cast=many, quorum=quorums, shuffle=st.randoms())
def test_order_does_not_matter(cast: list[Ballot], quorum: int, shuffle: object) -> None:
    shuffled = list(cast)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(PROMPT, shuffled, quorum=quorum) == decide(PROMPT, cast, quorum=quorum)


@given(cast=many, quorum=quorums, more=st.integers(1, 3))
def test_agreeing_ballots_never_undo_a_decision(cast: list[Ballot], quorum: int, more: int) -> None:
    outcome = decide(PROMPT, cast, quorum=quorum)
    for ballot in cast:
        if outcome != OPEN and vote(ballot) == outcome:
            assert decide(PROMPT, [*cast, *[ballot] * more], quorum=quorum) == outcome


@given(cast=many, quorum=quorums)
def test_what_is_decided_has_its_quorum_and_most_of_all_ballots(cast: list[Ballot], quorum: int) -> None:
    outcome = decide(PROMPT, cast, quorum=quorum)
    counts = Counter(vote(ballot) for ballot in cast)
    if outcome == OPEN:
        assert not [one for one, n in counts.items() if one is not None and n >= quorum and 2 * n > len(cast)]
    else:
        assert counts[outcome] >= quorum
        assert 2 * counts[outcome] > len(cast)


@given(cast=many, quorum=quorums, unclear=st.integers(1, 10))
def test_unclear_never_decides_and_may_undo(cast: list[Ballot], quorum: int, unclear: int) -> None:
    before = decide(PROMPT, cast, quorum=quorum)
    after = decide(PROMPT, [*cast, *[Ballot("unclear")] * unclear], quorum=quorum)
    assert after in (before, OPEN)
    assert decide(PROMPT, [*cast, *[Ballot("unclear")] * (len(cast) + 1)], quorum=quorum) == OPEN


@pytest.mark.parametrize(
    ("cast", "outcome"),
    [
        ([], OPEN),
        ([Ballot("match")], OPEN),
        ([Ballot("match")] * 2, Outcome("accepted", PROMPT)),
        ([Ballot("match"), Ballot("other", PROMPT)], Outcome("accepted", PROMPT)),
        ([Ballot("other", "grin")] * 2, Outcome("accepted", "grin")),
        ([Ballot("match"), Ballot("other", "grin")], OPEN),
        ([Ballot("match"), Ballot("match"), Ballot("other", "grin"), Ballot("other", "grin")], OPEN),
        ([Ballot("match"), Ballot("match"), Ballot("reject")], Outcome("accepted", PROMPT)),
        ([Ballot("match"), Ballot("reject")], OPEN),
        ([Ballot("reject")] * 2, REJECTED),
        ([Ballot("match"), Ballot("match"), Ballot("unclear")], Outcome("accepted", PROMPT)),
        ([Ballot("match"), Ballot("match"), Ballot("unclear"), Ballot("unclear")], OPEN),
        ([Ballot("unclear")] * 5, OPEN),
    ],
)
def test_examples(cast: list[Ballot], outcome: Outcome) -> None:
    assert decide(PROMPT, cast) == outcome


@pytest.mark.parametrize("ballot", [Ballot("love"), Ballot("other"), Ballot("")])
def test_ballot_that_is_none_is_an_error(ballot: Ballot) -> None:
    with pytest.raises(ValueError, match="verdict"):
        decide(PROMPT, [ballot])
