"""What waits for reviewers, and in which order: the services that keep the queue.

A photo has an entry while it awaits review, and none else. Rows are locked photo first, then its prompt's queue,
then its entry.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import F

from collector.models import Photo, Smiley

from .decisions import count
from .models import Analysis, QueueEntry, Review, SmileyQueue
from .signals import photo_queued
from .worth import Opinion, age, doubt, rarity

_DRIFT = 0.02  # a smiley's rarity may be off by so much before its entries are weighed anew


def queue_of(smiley: Smiley) -> SmileyQueue:
    """The queue of a prompt, locked until the transaction ends: its rule does not change while something is decided."""
    SmileyQueue.objects.get_or_create(
        smiley=smiley,
        defaults={"quorum": settings.REVIEW_QUORUM, "rarity": _rarity(smiley)},
    )
    return SmileyQueue.objects.select_for_update(no_key=True).get(smiley=smiley)


@transaction.atomic
def queue_follow(*, photo: Photo) -> None:
    """Give the photo an entry when it awaits review by now, and take its entry away when it no longer does."""
    current = Photo.objects.awaiting_review().select_related("smiley").filter(pk=photo.pk).first()
    if current is None:
        QueueEntry.objects.filter(pk=photo.pk).delete()
        return
    queue = queue_of(current.smiley)
    facts = {"smiley": current.smiley, "sent_at": current.created_at}
    _, new = QueueEntry.objects.get_or_create(photo=current, defaults=facts)
    if new:
        photo_queued.send(sender=Photo, photo=current)
    _weigh(current, queue)


@transaction.atomic
def entry_refresh(*, photo: Photo) -> None:
    """Weigh a waiting photo anew: something has been found out about it."""
    current = Photo.objects.select_related("smiley").filter(pk=photo.pk).first()
    if current is not None:
        _weigh(current, queue_of(current.smiley))


@transaction.atomic
def opinion_record(*, photo: Photo, smiley: Smiley, prompt_share: float) -> None:
    """Note what the active model says of a waiting photo: it changes what an answer is worth, and no label."""
    current = Photo.objects.select_related("smiley").filter(pk=photo.pk).first()
    if current is None:
        return
    queue = queue_of(current.smiley)
    QueueEntry.objects.filter(photo=current).update(model_smiley=smiley, model_share=prompt_share)
    _weigh(current, queue)


def _weigh(photo: Photo, queue: SmileyQueue) -> None:
    entry = QueueEntry.objects.select_related("model_smiley").filter(pk=photo.pk).first()
    if entry is None:
        return
    reviews = list(Review.objects.filter(photo=photo).counting().select_related("smiley"))
    tally = count(photo.smiley.slug, [review.ballot for review in reviews])
    opinion = None
    if entry.model_smiley is not None and entry.model_share is not None:
        opinion = Opinion(entry.model_smiley.slug, entry.model_share)
    base = doubt(photo.smiley.slug, tally, opinion) + age(photo.created_at)
    flags = Analysis.objects.filter(photo=photo).values_list("flags", flat=True).first() or {}
    unsure = tally.votes < tally.ballots
    QueueEntry.objects.filter(pk=photo.pk).update(
        base=base,
        worth=base + queue.rarity,
        hard=unsure or photo.state == Photo.State.NO_FACE,
        flags=_between_bars(flags),
        reviewed_by=_between_bars(review.reviewer_id for review in reviews),
        reviewers_disagree=unsure and tally.ballots > 1,
        model_disagrees=opinion is not None and opinion.smiley != photo.smiley.slug,
    )


def _between_bars(words: Iterable[object]) -> str:
    joined = "|".join(str(word) for word in words)
    return f"|{joined}|" if joined else ""


def queues_weigh_anew() -> int:
    """Bring the entries of smileys that have become rarer or less rare in line. Returns how many smileys these were."""
    moved = 0
    for smiley in Smiley.objects.filter(queue__isnull=False):
        with transaction.atomic():
            queue = queue_of(smiley)
            now = _rarity(smiley)
            if abs(now - queue.rarity) >= _DRIFT:
                SmileyQueue.objects.filter(pk=queue.pk).update(rarity=now)
                QueueEntry.objects.filter(smiley=smiley).update(worth=F("base") + now)
                moved += 1
    return moved


def _rarity(smiley: Smiley) -> float:
    return rarity(smiley.accepted_people, int(settings.COUNT_TARGET))
