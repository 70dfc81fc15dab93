"""Photos that are nearly the same and stand in two splits: the one that is learnt from is left out.

Which photos are nearly the same was found as they came in, by hash and then by pixels; where more had a near hash than
were looked at, the nearest on the other sides are looked at now. Staff who kept both photos of a pair have seen two
different pictures.
"""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from collector.models import Photo, PhotoQuerySet
from labeling.models import Analysis, NearDuplicate, NearDuplicateQuerySet
from operations.jobs.running import RunningJob

from .datasets import datasets_hold, freezable
from .models import DatasetItem, DatasetVersion, LeftOut, Split

#: Of a pair the photo whose split comes first is left out.
_ORDER = {split: rank for rank, split in enumerate((Split.TRAIN, Split.VALIDATION, Split.TEST))}
_SIDE = "participant__splitassignment__split"


@dataclass(frozen=True)
class Leak:
    """The photo that stays, and how near it is."""

    kept: uuid.UUID
    bits: int
    difference: float


def people_tied() -> set[tuple[str, str]]:
    """People of whom photos are nearly the same."""
    people = (
        _pairs_among(freezable()).values_list("photo__participant_id", "other__participant_id").distinct()
    )
    return {(str(one), str(other)) for one, other in people.iterator()}


def uncompared_compare(*, watch: Callable[[], None]) -> None:
    """Compare the accepted photos whose worker was killed before it had."""
    from labeling.duplicates import photo_compare

    for pk in list(
        Analysis.objects.filter(compared=False, photo__in=freezable()).values_list("pk", flat=True)
    ):
        watch()
        photo_compare(photo_id=pk)


def crowds_compare(*, photos: PhotoQuerySet, watch: Callable[[], None]) -> int:
    """Look closer at new photos that many others are like, each at those on the other sides. Returns of how many there
    are still more than were looked at."""
    from labeling.duplicates import crowded_compare

    frozen = DatasetItem.objects.filter(version__draft=False).values("photo")
    new = photos.exclude(pk__in=frozen)
    return sum(
        crowded_compare(
            photos=new.filter(**{_SIDE: split}), among=photos.exclude(**{_SIDE: split}), watch=watch
        )
        for split in Split.values
    )


def leaks_among(photos: PhotoQuerySet) -> dict[uuid.UUID, Leak]:
    """Which of the photos are to be left out, for they are nearly the same as one that stays on another side."""
    pairs = _pairs_among(photos)
    facts = ("photo_id", f"photo__{_SIDE}", "other_id", f"other__{_SIDE}", "bits", "difference")
    crossing = []
    for one, its, other, side, bits, difference in pairs.values_list(*facts).iterator():
        if its != side:
            lower, upper = (one, other) if _ORDER[its] < _ORDER[side] else (other, one)
            crossing.append(
                (min(its, side, key=_ORDER.__getitem__), bits, difference, str(upper), upper, lower)
            )
    left: dict[uuid.UUID, Leak] = {}
    # What validation loses to test takes nothing from training any more, so it goes first.
    for split in (Split.VALIDATION, Split.TRAIN):
        for its, bits, difference, _, upper, lower in sorted(crossing, key=lambda pair: pair[:4]):
            if its == split and upper not in left:
                left.setdefault(lower, Leak(upper, bits, difference))
    return left


def _pairs_among(photos: PhotoQuerySet) -> NearDuplicateQuerySet:
    # Asked of each pair: with two lists SQLite looks every photo up beside every other one.
    both = (Exists(photos.filter(pk=OuterRef(end))) for end in ("photo_id", "other_id"))
    return NearDuplicate.objects.across_people().filter(*both)


def leaks_leave(draft: DatasetVersion, job: RunningJob, page: int) -> None:
    """Take out of a draft what leaks, and note it with the version."""
    leaks = leaks_among(Photo.objects.filter(datasetitem__version=draft))
    photos = sorted(leaks)
    for start in range(0, len(photos), page):
        with job.fenced():
            _leave(draft, {photo: leaks[photo] for photo in photos[start : start + page]})


def _leave(draft: DatasetVersion, leaks: dict[uuid.UUID, Leak]) -> None:
    # What is withdrawn at this moment is waited for, and then neither named nor a reason any more.
    there = _locked({*leaks, *(leak.kept for leak in leaks.values())})
    datasets_hold()
    left = {photo: leak for photo, leak in leaks.items() if {photo, leak.kept} <= there}
    LeftOut.objects.bulk_create(
        LeftOut(version=draft, photo_id=photo, kept_id=leak.kept, bits=leak.bits, difference=leak.difference)
        for photo, leak in left.items()
    )
    draft.items.filter(photo__in=left).delete()


def _locked(photos: Collection[uuid.UUID]) -> set[Any]:
    rows = Photo.objects.select_for_update(no_key=True).filter(pk__in=photos).order_by("pk")
    return set(rows.values_list("pk", flat=True))
