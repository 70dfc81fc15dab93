"""What a reviewer's answer on a photo is worth: a pure sum of points, stored with the photo and kept up to date.

docs/review.md has it as a table. What changes with time alone needs no keeping up: all photos age alike, so that
the day on which a photo came can stand in its place.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from .decisions import Outcome, Tally

SPLIT = 4.0  # the most that reviewers who do not agree can add: nobody but another reviewer can settle it
_DAYS_A_POINT = 30.0  # an old photo catches up with a doubtful one in a month, so that none waits for ever
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Opinion:
    """What the active model says: the most probable smiley's slug, and the share (0 to 1) that it gives the prompt."""

    smiley: str
    prompt_share: float


def doubt(prompt: str, tally: Tally, opinion: Opinion | None) -> float:
    """How little prompt, reviewers and model agree: 0 when all say the same, or nobody but the prompt has spoken."""
    points = SPLIT * (1 - tally.votes / tally.ballots) if tally.ballots else 0.0
    if tally.leading is not None and tally.leading != Outcome("accepted", prompt):
        points += 1
    if opinion is not None:
        points += 1 - opinion.prompt_share
        if tally.leading is not None and tally.leading != Outcome("accepted", opinion.smiley):
            points += 1
    return points


def age(sent_at: datetime) -> float:
    """The earlier a photo came, the more; only differences between photos mean anything."""
    return (_EPOCH - sent_at).total_seconds() / 86400 / _DAYS_A_POINT


def rarity(accepted_people: int, target: int) -> float:
    """1 for a smiley that nobody made yet, a half when the people wanted have, and towards 0 beyond."""
    return target / (target + accepted_people) if target > 0 else 0.0
