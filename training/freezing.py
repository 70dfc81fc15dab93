"""Freezing what is accepted into the next version, page by page, beside all that goes on meanwhile.

The items are gathered under a draft of the version, a short transaction for each page, so that nobody waits long
and memory does not grow. What is withdrawn in between leaves the draft as it leaves every version. The manifest is
written from the items, without those that leak from one split into another, and the draft becomes the version once
both agree. A freeze that was killed begins again.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.conf import settings
from django.db.models import Count, Max

from collector.files import atomic_with_files
from collector.models import Participant, Photo, PhotoQuerySet
from operations.audit import audit_record
from operations.jobs.running import JobRefused, RunningJob
from operations.jobs.services import job_enqueue

from .datasets import (
    NOTHING_ACCEPTED,
    VersionChanged,
    datasets_hold,
    freezable,
    items_of,
    manifest_adopt,
)
from .datasheets.facts import facts_of
from .leaks import crowds_compare, leaks_among, leaks_leave, people_tied, uncompared_compare
from .manifests import files_of, manifest_sha256, manifest_written
from .models import DatasetItem, DatasetVersion, SplitAssignment
from .pages import PAGE, pages


def freeze_execute(*, job: RunningJob, page: int = PAGE) -> None:
    """Do a freeze that was requested: the next version, or none where nothing has changed.

    Raises JobRefused when nothing is accepted any more.
    """
    job.progress(0, 0, "dividing the people")
    uncompared_compare(watch=job.heartbeat)
    _assign_splits(job, page)
    job.progress(0, 0, "looking for what is new")
    rows = _divided().values_list(
        "pk", "participant_id", "accepted_as__slug", "participant__splitassignment__split"
    )
    unchecked = crowds_compare(photos=_divided(), watch=job.heartbeat)
    leaks = leaks_among(_divided())
    found = chain.from_iterable(pages(rows, "pk", size=page))
    sha256 = manifest_sha256(row for row in found if row[0] not in leaks)
    newest = DatasetVersion.objects.frozen().order_by("-number").first()
    if newest is not None and newest.sha256 == sha256:
        job.progress(0, 0, f"version {newest} holds already what is accepted now")
        return
    draft = _draft(job, unchecked)
    _fill(draft, job, page)
    leaks_leave(draft, job, page)
    while not _complete(draft, job):
        job.progress(0, 0, "something was withdrawn: writing the manifest again")
    job.progress(draft.photos, draft.photos, f"version {draft} is frozen")


def _divided() -> PhotoQuerySet:
    """Those whose participant stands in a split."""
    return freezable().exclude(participant__splitassignment=None)


def _assign_splits(job: RunningJob, page: int) -> None:
    """Divide newcomers among the splits by what they bring of each smiley. Whoever has a split keeps it."""
    from ml.data.splits import assign_splits

    known = SplitAssignment.objects.values_list("participant_id", "split")
    given = {str(participant): split for participant, split in known.iterator()}
    made = freezable().values_list("participant_id", "accepted_as__slug").annotate(Count("pk")).order_by()
    photos = {(str(who), smiley): count for who, smiley, count in made.iterator()}
    assigned = assign_splits(photos, given=given, tied=people_tied())
    newcomers = [who for who in assigned if who not in given]
    for start in range(0, len(newcomers), page):
        batch = newcomers[start : start + page]
        with job.fenced():
            # Locked, for one who withdraws at this moment must not be assigned to anything.
            there = Participant.objects.select_for_update(no_key=True).filter(pk__in=batch).order_by("pk")
            SplitAssignment.objects.bulk_create(
                [SplitAssignment(participant=who, split=assigned[str(who.pk)]) for who in there],
                batch_size=page,
            )


def _draft(job: RunningJob, unchecked: int) -> DatasetVersion:
    """A new draft, in the place of one that was left behind."""
    for former in DatasetVersion.objects.filter(draft=True):
        items = DatasetItem.objects.filter(version=former)
        while some := list(items.values_list("pk", flat=True)[:PAGE]):
            with job.fenced():
                items.filter(pk__in=some).delete()
    with job.fenced():
        DatasetVersion.objects.filter(draft=True).delete()
        last = DatasetVersion.objects.aggregate(last=Max("number"))["last"] or 0
        return DatasetVersion.objects.create(
            number=last + 1,
            draft=True,
            photos=0,
            people=0,
            counts={},
            unchecked=unchecked,
            created_by=job.payload["actor"],
        )


def _fill(draft: DatasetVersion, job: RunningJob, page: int) -> None:
    done, total = 0, Photo.objects.accepted().count()
    for rows in pages(Photo.objects.accepted().values_list("pk"), "pk", size=page):
        ids = [pk for (pk,) in rows]
        with job.fenced():
            # A photo that is being withdrawn is waited for, and is gone then; another waits until it is in.
            locked = Photo.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            list(locked.values_list("pk"))
            datasets_hold()  # so that a consent that is being revoked is seen, or sees what we add
            DatasetItem.objects.bulk_create(_items(draft, ids), batch_size=page)
        done += len(ids)
        job.progress(done, total, "gathering")


def _items(draft: DatasetVersion, ids: list[Any]) -> Iterator[DatasetItem]:
    facts = (
        _divided()
        .filter(pk__in=ids)
        .values_list("pk", "accepted_as_id", "participant__splitassignment__split")
    )
    for photo, smiley, split in facts:
        yield DatasetItem(version=draft, photo_id=photo, smiley_id=smiley, split=split)


def _complete(draft: DatasetVersion, job: RunningJob) -> bool:
    """Make the draft a version; False when something left it while its manifest was written."""
    try:
        with manifest_written(items_of(draft)) as manifest:
            if not manifest.photos:
                raise JobRefused(NOTHING_ACCEPTED)
            job.heartbeat()
            draft.facts = facts_of(items_of(draft))
            name = manifest.store(draft.number, 0)
            with atomic_with_files(*files_of(name)):
                job.heartbeat()
                manifest_adopt(draft, manifest, name=name, revision=0)
                if settings.MASKS_PER_FACE:
                    job_enqueue(name="training.mask_dataset", subject=str(draft.number))
                audit_record(
                    actor=draft.created_by,
                    action="dataset_frozen",
                    subject=f"dataset:{draft}",
                    sha256=draft.sha256,
                    photos=draft.photos,
                )
    except VersionChanged:
        return False
    return True
