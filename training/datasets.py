"""The use cases of data sets: freezing, revising, packing for training."""

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from collector.models import Photo, PhotoQuerySet, Tombstone
from labeling.models import Face
from operations.audit import audit_record
from operations.jobs.services import job_enqueue
from operations.locks import hold
from operations.problems import Problem

from .models import DatasetItem, DatasetVersion, ModelVersion, Split, SplitAssignment

_FREEZE_ATTEMPTS = 10
_WATCHED_CROPS = 200


def dataset_freeze(*, actor: str) -> tuple[DatasetVersion, bool]:
    """Freeze all accepted photos with a face into the next version. Returns it, and whether it is new:
    where nothing has changed the newest version is returned. Raises Problem when nothing is accepted yet.
    """
    for _attempt in range(_FREEZE_ATTEMPTS - 1):
        # Withdrawn while we worked, something that a row of ours refers to is gone: begin again without it.
        with suppress(IntegrityError):
            return _freeze(actor)
    return _freeze(actor)


@transaction.atomic
def _freeze(actor: str) -> tuple[DatasetVersion, bool]:
    hold("training.dataset_freeze")  # two at once would write one number's manifest
    photos = list(
        Photo.objects.trainable()
        .filter(Exists(Face.objects.filter(photo=OuterRef("pk"), is_subject=True).exclude(crop="")))
        .order_by("pk")
        .values("pk", "participant_id", "accepted_as_id", "accepted_as__slug")
    )
    if not photos:
        raise Problem("nothing_accepted", "No accepted photo has a face yet: review some first.", status=409)
    splits = _assign_splits(photos)
    lines = [
        _manifest_line(p["pk"], p["participant_id"], p["accepted_as__slug"], splits[p["participant_id"]])
        for p in photos
    ]
    content = "".join(lines).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    newest = DatasetVersion.objects.order_by("-number").first()
    if newest is not None and newest.sha256 == sha256:
        return newest, False
    number = newest.number + 1 if newest else 1
    version = DatasetVersion.objects.create(
        number=number,
        sha256=sha256,
        manifest=default_storage.save(_manifest_name(number, 0), ContentFile(content)),
        photos=len(photos),
        people=len({p["participant_id"] for p in photos}),
        counts=_counts((p["accepted_as__slug"], splits[p["participant_id"]]) for p in photos),
        created_by=actor,
    )
    DatasetItem.objects.bulk_create(
        (
            DatasetItem(
                version=version,
                photo_id=p["pk"],
                smiley_id=p["accepted_as_id"],
                split=splits[p["participant_id"]],
            )
            for p in photos
        ),
        batch_size=2000,
    )
    if settings.MASKS_PER_FACE:
        job_enqueue(name="training.mask_dataset", subject=str(number))
    audit_record(
        actor=actor, action="dataset_frozen", subject=f"dataset:{version}", sha256=sha256, photos=len(photos)
    )
    return version, True


def _assign_splits(photos: Sequence[Any]) -> dict[Any, str]:
    """Everybody's split; newcomers are assigned now, stratified by smiley, and stay where they are put."""
    from ml.data.splits import assign_splits

    known = {str(pk): split for pk, split in SplitAssignment.objects.values_list("participant_id", "split")}
    labels = ((str(photo["participant_id"]), photo["accepted_as__slug"]) for photo in photos)
    assigned = assign_splits(labels, given=known)
    by_participant = {photo["participant_id"]: assigned[str(photo["participant_id"])] for photo in photos}
    SplitAssignment.objects.bulk_create(
        (
            SplitAssignment(participant_id=participant, split=split)
            for participant, split in by_participant.items()
            if str(participant) not in known
        ),
        batch_size=2000,
    )
    return by_participant


def _manifest_line(photo: Any, participant: Any, smiley: str, split: str) -> str:
    return (
        json.dumps({"photo": str(photo), "participant": str(participant), "smiley": smiley, "split": split})
        + "\n"
    )


def _manifest_name(number: int, revision: int) -> str:
    return f"datasets/{number}/manifest.r{revision}.jsonl"


def _counts(pairs: Any) -> dict[str, dict[str, int]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for smiley, split in pairs:
        counts[smiley][split] += 1
    return {smiley: {split: counts[smiley][split] for split in Split.values} for smiley in sorted(counts)}


def photos_leave_datasets(*, photos: PhotoQuerySet) -> None:
    """Photos that are withdrawn, or whose consent is revoked, leave their versions, which get a revision. Their
    tombstones say which; models that learned from them become stale."""
    items = DatasetItem.objects.filter(photo__in=photos)
    numbers: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
    for photo_id, number in items.order_by("version_id").values_list("photo_id", "version_id"):
        numbers[photo_id].append(number)
    if not numbers:
        return
    touched = sorted({number for each in numbers.values() for number in each})
    # Locked against a model that is being registered from one of these versions at this moment.
    list(DatasetVersion.objects.select_for_update().filter(pk__in=touched).order_by("pk"))
    stones = [Tombstone(pk=photo_id, dataset_versions=each) for photo_id, each in numbers.items()]
    Tombstone.objects.bulk_create(
        stones,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["photo_id"],
        update_fields=["dataset_versions"],
    )
    items.delete()
    learned = ModelVersion.objects.filter(run__version__in=touched, stale_since=None)
    locked = learned.select_for_update(of=("self",)).order_by("pk")
    ModelVersion.objects.filter(pk__in=[model.pk for model in locked]).update(stale_since=timezone.now())
    for number in touched:
        job_enqueue(name="training.revise_dataset", subject=str(number))


@transaction.atomic
def dataset_revise(*, number: int) -> DatasetVersion:
    """Write a version's manifest anew from what is left of it, as its next revision; the former one goes."""
    version = DatasetVersion.objects.select_for_update().get(pk=number)
    rows = list(items_of(version))
    content = "".join(
        _manifest_line(item.photo_id, item.photo.participant_id, item.smiley.slug, item.split)
        for item in rows
    ).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 == version.sha256:
        return version
    former = version.manifest
    version.revision += 1
    version.sha256 = sha256
    version.manifest = default_storage.save(_manifest_name(number, version.revision), ContentFile(content))
    version.photos = len(rows)
    version.people = len({item.photo.participant_id for item in rows})
    version.counts = _counts((item.smiley.slug, item.split) for item in rows)
    version.save()
    transaction.on_commit(lambda: default_storage.delete(former))
    return version


def items_of(version: DatasetVersion) -> QuerySet[DatasetItem]:
    """What is left of a version, and may be learned from."""
    allowed = version.items.filter(photo__in=Photo.objects.allowed_for_training())
    return allowed.select_related("photo", "smiley").order_by("photo_id")


def dataset_pack(
    *, version: DatasetVersion, size: int, out: Path, watch: Callable[[], None] = lambda: None
) -> None:
    """Write what is left of a version as packed arrays of `size`×`size` RGB crops into the folder `out`.

    `watch` is called every few hundred crops; when it raises, nothing is left there.
    """
    from labeling.crops import crop_read
    from ml.data.manifest import write_packed

    def images(crops: Iterable[str]) -> Iterator[Any]:
        for number, crop in enumerate(crops):
            if number % _WATCHED_CROPS == 0:
                watch()
            yield crop_read(crop, size)

    while True:
        items = _items_with_crops(version)
        try:
            write_packed(
                out,
                images=images(crop for _, crop in items),
                labels=[item.smiley.slug for item, _ in items],
                persons=[str(item.photo.participant_id) for item, _ in items],
                splits=[item.split for item, _ in items],
                ids=[str(item.photo_id) for item, _ in items],
            )
        except FileNotFoundError:
            # Withdrawn while we packed: begin again without it.
            if len(_items_with_crops(version)) == len(items):
                raise
        else:
            return


def _items_with_crops(version: DatasetVersion) -> list[tuple[DatasetItem, str]]:
    """What is left of a version whose crops are on disk."""
    crops = dict(
        Face.objects.filter(photo__datasetitem__version=version, is_subject=True).values_list(
            "photo_id", "crop"
        )
    )
    named = [(item, crops.get(item.photo_id, "")) for item in items_of(version)]
    return [(item, crop) for item, crop in named if crop and default_storage.exists(crop)]


def dataset_latest() -> DatasetVersion:
    """The newest version. Raises Problem when there is none."""
    number = DatasetVersion.objects.aggregate(newest=Max("number"))["newest"]
    if number is None:
        raise Problem(
            "no_dataset", "There is no data set yet: run manage.py freeze_dataset first.", status=409
        )
    return DatasetVersion.objects.get(pk=number)
