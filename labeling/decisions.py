"""From reviews to a decision: one pure function."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ballot:
    """One reviewer's verdict (`match`, `other`, `unclear`, `reject`), with the smiley's slug for `other`."""

    verdict: str
    smiley: str | None = None


@dataclass(frozen=True)
class Outcome:
    """`open`, `rejected`, or `accepted` as a smiley."""

    state: str
    smiley: str | None = None


OPEN = Outcome("open")
REJECTED = Outcome("rejected")


def decide(prompt: str, ballots: Iterable[Ballot], *, quorum: int = 2) -> Outcome:
    """The outcome that at least `quorum` reviewers and more than half of all of them agree on; else open.

    `other` naming the prompt itself is a match. Rejections agree whatever their reasons. `unclear` stands for
    no outcome, so it counts against all of them. Ballots have no order, and one more ballot for the outcome
    never undoes it.
    """
    votes = [_vote(prompt, ballot) for ballot in ballots]
    counts = Counter(vote for vote in votes if vote is not None)
    if not counts:
        return OPEN
    winner, count = counts.most_common(1)[0]
    return winner if count >= quorum and 2 * count > len(votes) else OPEN


def _vote(prompt: str, ballot: Ballot) -> Outcome | None:
    match ballot.verdict:
        case "match":
            return Outcome("accepted", prompt)
        case "other" if ballot.smiley:
            return Outcome("accepted", ballot.smiley)
        case "reject":
            return REJECTED
        case "unclear":
            return None
    raise ValueError(f"No such verdict: {ballot}")
