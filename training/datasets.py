"""The use cases of data sets: asking for a version, revising."""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from collector.files import atomic_with_files, files_erase
from collector.models import Consent, Photo, PhotoQuerySet, Tombstone
from labeling.models import Face
from operations.jobs import running
from operations.jobs.running import OnProgress
from operations.jobs.services import job_enqueue, jobs_enqueue
from operations.locks import hold
from operations.models import Job
from operations.problems import Problem

from .datasheets.facts import facts_of
from .manifests import Manifest, files_of, manifest_written
from .models import DatasetItem, DatasetVersion, Export, LeftOut, ModelVersion
from .signals import versions_shrunk

NOTHING_ACCEPTED = "No accepted photo has a face yet: review some first."


def freeze_request(*, actor: str, announced: bool = True) -> Job:
    """Ask for all accepted photos with a face to be frozen into the next version, by a worker, or by the caller's
    own process when it is not `announced`. Raises Problem when nothing is accepted yet."""
    if not freezable().exists():
        raise Problem("nothing_accepted", NOTHING_ACCEPTED, status=409)
    return job_enqueue(
        name="training.freeze_dataset",
        subject="next",
        payload={"actor": actor},
        priority=Job.Priority.WAITED_FOR,
        announced=announced,
    )


def dataset_freeze(*, actor: str, on_progress: OnProgress | None = None) -> tuple[DatasetVersion, bool]:
    """Freeze here and now. Returns the newest version, and whether it is new: where nothing has changed it is not.

    Raises Problem when nothing is accepted yet, or when somebody else freezes at this moment.
    """
    before = DatasetVersion.objects.frozen().aggregate(newest=Max("number"))["newest"] or 0
    job = freeze_request(actor=actor, announced=False)
    running.run(str(job.pk), on_progress)
    job.refresh_from_db()
    if job.state == Job.State.DONE:
        version = dataset_latest()
        return version, version.number > before
    if job.error:
        raise Problem("freeze_failed", job.error.strip().splitlines()[-1], status=500)
    raise Problem(
        "freeze_waits", "Somebody else freezes at this moment: a worker does this one after it.", status=409
    )


def freezable() -> PhotoQuerySet:
    """Accepted photos that may be learned from, with a crop of their face."""
    face = Face.objects.filter(photo=OuterRef("pk"), is_subject=True).exclude(crop="")
    return Photo.objects.trainable().filter(Exists(face))


def datasets_hold() -> None:
    """Hold what is in the versions until the transaction ends: nothing enters them, nothing leaves them, and no
    model is registered from them. Call it after locking photos."""
    hold("training.datasets")


def photos_leave_datasets(*, photos: PhotoQuerySet) -> None:
    """Photos that are withdrawn, or whose consent is revoked, leave their versions, which get a revision. Their
    tombstones say which; models that learned from them become stale. A draft loses them without a trace."""
    datasets_hold()
    LeftOut.objects.filter(Q(photo__in=photos) | Q(kept__in=photos)).delete()
    items = DatasetItem.objects.filter(photo__in=photos)
    numbers: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
    frozen = items.filter(version__draft=False).order_by("version_id")
    for photo_id, number in frozen.values_list("photo_id", "version_id"):
        numbers[photo_id].append(number)
    items.delete()
    if not numbers:
        return
    touched = sorted({number for each in numbers.values() for number in each})
    tombstones_set(numbers, scope=Tombstone.Scope.EVERYWHERE)
    learned = ModelVersion.objects.filter(pk__in=_learned_from(touched), stale_since=None)
    locked = learned.select_for_update(of=("self",)).order_by("pk")
    ModelVersion.objects.filter(pk__in=[model.pk for model in locked]).update(
        stale_since=timezone.now(), pinned=False
    )
    jobs_enqueue(name="training.revise_dataset", payloads={str(number): {} for number in touched})
    versions_shrunk.send(sender=DatasetVersion, numbers=touched)


def _learned_from(numbers: list[int]) -> set[int]:
    """The models that learned from these versions, and those that went on from one of them, and so on."""
    found = set(ModelVersion.objects.filter(run__version__in=numbers).values_list("pk", flat=True))
    newest = found
    while newest:
        heirs = ModelVersion.objects.filter(run__started_from__in=newest).exclude(pk__in=found)
        newest = set(heirs.values_list("pk", flat=True))
        found |= newest
    return found


def photo_suspend(*, photo: Photo) -> list[int]:
    """A photo that is hidden stays an item of its versions, and is in nothing that is made from them until it is opened
    again: they get a revision without it. A draft loses it without a trace. Returns the versions."""
    datasets_hold()
    DatasetItem.objects.filter(photo=photo, version__draft=True).delete()
    if numbers := _revisions_request(photo):
        versions_shrunk.send(sender=DatasetVersion, numbers=numbers)
    return numbers


def photo_resume(*, photo: Photo) -> None:
    """A photo that was hidden is in its versions as before, which get a revision with it."""
    datasets_hold()
    _revisions_request(photo)


def _revisions_request(photo: Photo) -> list[int]:
    """Returns the versions of which it is an item."""
    items = DatasetItem.objects.filter(photo=photo, version__draft=False).order_by("version_id")
    numbers = list(items.values_list("version_id", flat=True))
    jobs_enqueue(name="training.revise_dataset", payloads={str(number): {} for number in numbers})
    return numbers


def photos_leave_releases(*, ended: Consent) -> set[int]:
    """What somebody shared until a consent of theirs ended that: its tombstones say in which versions' releases it was.
    The versions keep it. Returns the versions in which it is."""
    datasets_hold()
    shared = Photo.objects.filter(participant=ended.participant_id).shared_until(ended)
    items = DatasetItem.objects.filter(photo__in=shared, version__draft=False).order_by("version_id")
    released = set(Export.objects.filter(release=True).values_list("version_id", flat=True))
    numbers: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
    versions = set()
    for photo_id, number in items.values_list("photo_id", "version_id"):
        versions.add(number)
        if number in released:
            numbers[photo_id].append(number)
    tombstones_set(numbers, scope=Tombstone.Scope.RELEASES)
    return versions


def tombstones_set(numbers: Mapping[uuid.UUID, list[int]], *, scope: Tombstone.Scope) -> None:
    """By photo the versions from which, or from whose releases, it is gone from now on."""
    stones = [
        Tombstone(pk=photo_id, dataset_versions=each, scope=scope) for photo_id, each in numbers.items()
    ]
    Tombstone.objects.bulk_create(
        stones,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["photo_id"],
        update_fields=["dataset_versions", "scope", "withdrawn_at"],
    )


def dataset_revise(*, number: int) -> DatasetVersion:
    """Write a version's manifest anew from what is left of it, as its next revision; the former one goes."""
    while True:
        version = DatasetVersion.objects.frozen().get(pk=number)
        with manifest_written(items_of(version)) as manifest, suppress(VersionChanged):
            if manifest.sha256 == version.sha256:
                return version
            version.facts = facts_of(items_of(version))
            former, name = version.manifest, manifest.store(number, version.revision + 1)
            with atomic_with_files(*files_of(name)):
                manifest_adopt(version, manifest, name=name, revision=version.revision + 1)
                files_erase(subject=f"manifest:{version}", names=files_of(former))
            return version


class VersionChanged(Exception):
    """Something left the version while its manifest was written."""


def manifest_adopt(version: DatasetVersion, manifest: Manifest, *, name: str, revision: int) -> None:
    """Make a stored manifest that of the version as it was read. Raises VersionChanged when it is not so any more."""
    datasets_hold()
    as_read = DatasetVersion.objects.filter(pk=version.pk, revision=version.revision, draft=version.draft)
    if not as_read.exists() or items_of(version).count() != manifest.photos:
        raise VersionChanged
    version.draft, version.revision, version.manifest = False, revision, name
    for fact in ("sha256", "photos", "people", "counts"):
        setattr(version, fact, getattr(manifest, fact))
    version.save()


def items_of(version: DatasetVersion) -> QuerySet[DatasetItem]:
    """What is left of a version, may be learned from, and is not hidden."""
    allowed = Photo.objects.allowed_for_training().exclude(state=Photo.State.HIDDEN)
    return version.items.filter(Exists(allowed.filter(pk=OuterRef("photo_id"))))


def dataset_latest() -> DatasetVersion:
    """The newest version. Raises Problem when there is none."""
    version = DatasetVersion.objects.frozen().order_by("-number").first()
    if version is None:
        raise Problem(
            "no_dataset", "There is no data set yet: run manage.py freeze_dataset first.", status=409
        )
    return version


def dataset_numbered(number: int) -> DatasetVersion:
    """The version with this number. Raises Problem when there is none."""
    version = DatasetVersion.objects.frozen().filter(pk=number).first()
    if version is None:
        raise Problem("no_dataset", f"There is no data set version {number}.", status=404)
    return version
