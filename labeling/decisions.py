"""From reviews to a decision: one pure function."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# A single reviewer who rejects a photo for one of these hides it at once, whatever others say and whatever the rule.
HIDING = frozenset({"indecent", "under_age"})


@dataclass(frozen=True)
class Ballot:
    """One reviewer's verdict (`match`, `other`, `unclear`, `reject`), with the smiley's slug for `other` and the
    reason for `reject`. A ballot that does not count can hide the photo and nothing else."""

    verdict: str
    smiley: str | None = None
    reason: str = ""
    counts: bool = True


@dataclass(frozen=True)
class Outcome:
    """`open`, `rejected`, `hidden` until a manager has seen to it, or `accepted` as a smiley."""

    state: str
    smiley: str | None = None


OPEN = Outcome("open")
REJECTED = Outcome("rejected")
HIDDEN = Outcome("hidden")


@dataclass(frozen=True)
class Rule:
    """At least `quorum` reviewers have to agree, and be more than `majority` percent (50 to 99) of all."""

    quorum: int = 2
    majority: int = 50

    def __post_init__(self) -> None:
        if self.quorum < 1 or not 50 <= self.majority <= 99:
            raise ValueError(f"A quorum is 1 or more, a majority 50 to 99 percent: {self}")


@dataclass(frozen=True)
class Tally:
    """What the ballots that count say: the leading outcome (None while there is none, and in a tie), how many
    stand for it, and how many there are."""

    leading: Outcome | None
    votes: int
    ballots: int

    def satisfies(self, rule: Rule) -> bool:
        return self.votes >= rule.quorum and 100 * self.votes > rule.majority * self.ballots


def decide(prompt: str, ballots: Iterable[Ballot], rule: Rule) -> Outcome:
    """The outcome on which the ballots agree as the rule has it, else open; hidden when one of them hides it.

    Ballots have no order, and one more ballot for the outcome never undoes it.
    """
    cast = list(ballots)
    if any(ballot.verdict == "reject" and ballot.reason in HIDING for ballot in cast):
        return HIDDEN
    tally = count(prompt, cast)
    return tally.leading if tally.leading is not None and tally.satisfies(rule) else OPEN


def count(prompt: str, ballots: Iterable[Ballot]) -> Tally:
    """`other` naming the prompt itself is a match. Rejections agree whatever their reasons. `unclear` stands for
    no outcome, so it counts against all of them."""
    votes = [_vote(prompt, ballot) for ballot in ballots if ballot.counts]
    ranked = Counter(vote for vote in votes if vote is not None).most_common(2)
    if not ranked:
        return Tally(None, 0, len(votes))
    (leading, most), *others = ranked
    tie = bool(others) and others[0][1] == most
    return Tally(None if tie else leading, most, len(votes))


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
