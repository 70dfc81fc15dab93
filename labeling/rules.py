"""By which rule the photos of a prompt are decided, and what becomes of those decided by another."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q

from collector.models import Photo, Smiley
from operations.audit import audit_record
from operations.jobs.services import job_enqueue
from operations.problems import Problem

from .decisions import Rule
from .models import Decision, SmileyQueue
from .queue import queue_of
from .services import decision_update

_AT_ONCE = 20_000  # photos a job, so that none is long
_PAGE = 200


@dataclass(frozen=True)
class RulePreview:
    """How many decisions another rule changes: open photos that it decides, and decided ones that it opens."""

    decided: int
    opened: int

    @property
    def total(self) -> int:
        return self.decided + self.opened


def rule_of(quorum: int, majority: int) -> Rule:
    """Raises Problem: rule_unusable."""
    if not 1 <= quorum <= 9 or not 50 <= majority <= 99:
        raise Problem("rule_unusable", "A quorum is 1 to 9 reviewers, a majority 50 to 99 percent.")
    return Rule(quorum, majority)


def rule_default() -> Rule:
    """For smileys of which nothing was reviewed yet."""
    return Rule(int(settings.REVIEW_QUORUM))


def rule_previews(rule: Rule, smiley: Smiley | None = None) -> dict[int, RulePreview]:
    """What `rule_change` would do to the photos of a prompt, or of each: by the smiley's key. No review is read."""
    changed = Decision.objects.out_of_step(rule.quorum, rule.majority)
    if smiley is not None:
        changed = changed.filter(photo__smiley=smiley)
    counts = changed.values("photo__smiley").annotate(
        decided=Count("pk", filter=Q(satisfied=True)), opened=Count("pk", filter=Q(satisfied=False))
    )
    return {row["photo__smiley"]: RulePreview(row["decided"], row["opened"]) for row in counts.order_by()}


def rule_preview(smiley: Smiley, rule: Rule) -> RulePreview:
    return rule_previews(rule, smiley).get(smiley.pk, RulePreview(0, 0))


@transaction.atomic
def rule_change(*, smiley: Smiley, rule: Rule, reviewer: User) -> SmileyQueue:
    """Decide the photos of a prompt by another rule: new verdicts at once, those before in a job."""
    queue = queue_of(smiley)
    if queue.rule != rule:
        before = f"{queue.quorum}, {queue.majority} %"
        queue.quorum, queue.majority = rule.quorum, rule.majority
        queue.save()
        job_enqueue(name="labeling.decide_anew", subject=smiley.slug)
        audit_record(
            actor=f"staff:{reviewer.get_username()}",
            action="rule_changed",
            subject=f"smiley:{smiley.slug}",
            before=before,
            after=f"{rule.quorum}, {rule.majority} %",
        )
    return queue


def decisions_anew(*, slug: str, report: Callable[[int, int, str], None]) -> int:
    """Bring the decisions on a prompt's photos in line with its rule: a batch of them. Returns how many were left.

    Each photo in a transaction of its own: interrupted and begun again it goes on with those that are left.
    """
    smiley = Smiley.objects.filter(slug=slug).first()
    if smiley is None:
        return 0
    rule = SmileyQueue.objects.get(smiley=smiley).rule
    total, done = rule_preview(smiley, rule).total, 0
    for pk in islice(_out_of_step(smiley, rule), _AT_ONCE):
        with transaction.atomic():
            photo = (
                Photo.objects.select_for_update(of=("self",)).select_related("smiley").filter(pk=pk).first()
            )
            if photo is not None:
                decision_update(photo=photo)
        done += 1
        if done % _PAGE == 0:
            report(done, max(total, done), "")
    report(done, max(total, done), "")
    return max(total - done, 0)


def _out_of_step(smiley: Smiley, rule: Rule) -> Iterator[uuid.UUID]:
    """Keys page by page, so that no query stays open while we write."""
    after = uuid.UUID(int=0)
    wrong = (
        Decision.objects.out_of_step(rule.quorum, rule.majority).filter(photo__smiley=smiley).order_by("pk")
    )
    while page := list(wrong.filter(pk__gt=after).values_list("pk", flat=True)[:_PAGE]):
        yield from page
        after = page[-1]
