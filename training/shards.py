"""The packed pixels of the last two versions, in shards: a cache, from which every training takes its data.

A shard holds the photos of a version whose ids begin with the same bits, so that a changed photo changes one shard. It
is known by the hash of what decides its content: what two versions share is packed once. Its row is there before its
file, and says that it is ready after; whoever withdraws a photo finds all shards that hold it, also those that are
being written.
"""

import hashlib
import logging
import math
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef
from django.utils import timezone

from collector.files import files_erase
from collector.models import PhotoQuerySet
from operations.jobs import running
from operations.jobs.running import JobRefused, RunningJob
from operations.jobs.services import job_enqueue, jobs_enqueue
from operations.models import Job
from operations.private_files import file_written, files_ahead
from operations.stores.ahead import ReadAhead

from .datasets import datasets_hold, items_of
from .models import DatasetVersion, PackShard, Task
from .pack_items import PackItem, inputs_hash, pack_items, prefix_of

if TYPE_CHECKING:
    from labeling.crops import Crop

logger = logging.getLogger(__name__)

JOB = "training.pack_shard"
FOLDER = "packs"
_BYTES, _LEAST, _MOST = 64 << 20, 64, 512  # of a shard; and photos, where pictures are large or small
_UNUSED = timedelta(
    hours=1
)  # so long a shard of an old version is kept for a training that is about to take it
_POLL_SECONDS = 0.5
_USED_SECONDS = 300.0  # so often it is noted that they are used: packing may take longer than they are kept


class ShardGone(Exception):
    """What a shard was to hold has changed: look again at what there is."""


class Plan(NamedTuple):
    """A shard that a version needs."""

    inputs: str
    bits: int
    prefix: int


def shards_planned(version: DatasetVersion, task: str, size: int) -> Iterator[Plan]:
    """The shards of what is left of a version, in the order of their photos' ids; empty ones are left out."""
    bits = _bits(items_of(version).count(), task, size)
    for prefix in range(1 << bits):
        if items := pack_items(version, task, size, bits=bits, prefix=prefix):
            yield Plan(inputs_hash(task, size, items), bits, prefix)


def _bits(photos: int, task: str, size: int) -> int:
    """How many shards: 2 ** bits. Their number changes only where that of the photos doubles or halves."""
    each = size * size * (7 * max(settings.MASKS_PER_FACE, 1) if task == Task.UNMASK else 3)
    in_one = min(max(_BYTES // each, _LEAST), _MOST)
    return math.ceil(math.log2(max(photos / in_one, 1)))


def shards_want(version: DatasetVersion, task: str, size: int, plans: list[Plan]) -> None:
    """Write down that a version uses these shards; those that it used before and does not any more are let go."""
    PackShard.objects.bulk_create(
        [PackShard(**plan._asdict(), version=version, task=task, size=size) for plan in plans],
        batch_size=500,
        ignore_conflicts=True,
    )
    wanted = {plan.inputs for plan in plans}
    same = PackShard.objects.filter(task=task, size=size)
    _note_used(plans)
    for some in _by_hundreds(sorted(wanted)):
        same.filter(pk__in=some, changed=True).update(changed=False, ready_at=None)  # wanted again
        same.filter(pk__in=some, version__lt=version.pk).update(version=version)
    known = same.filter(version=version).values_list("pk", flat=True)
    for some in _by_hundreds(sorted(set(known) - wanted)):
        same.filter(pk__in=some, version=version).update(changed=True, ready_at=None)


def _note_used(plans: list[Plan]) -> None:
    for some in _by_hundreds(sorted({plan.inputs for plan in plans})):
        PackShard.objects.filter(pk__in=some).update(used_at=timezone.now())


def shards_make(plans: list[Plan], watch: Callable[[], None]) -> None:
    """Have the shards that are missing written, each by one job: by the workers of the queue, and here meanwhile.

    `watch` is called between two of them; what it raises ends it, and what is done stays. Raises ShardGone when a
    photo in one has changed, RuntimeError with the error of one that was refused, or failed too often.
    """
    waiting = [plan.inputs for plan in plans if not _ready(plan.inputs)]
    for some in _by_hundreds(waiting):
        watch()
        jobs_enqueue(name=JOB, payloads={inputs: {} for inputs in some})
    noted = time.monotonic()
    while waiting:
        # From the end: the workers begin with the first.
        for inputs in reversed(waiting):
            watch()
            if time.monotonic() - noted >= _USED_SECONDS:
                _note_used(plans)
                noted = time.monotonic()
            _take_part(inputs)
        waiting = [inputs for inputs in waiting if not _ready(inputs)]
        if waiting:
            time.sleep(_POLL_SECONDS)


def _ready(inputs: str) -> bool:
    facts = PackShard.objects.filter(pk=inputs).values_list("ready_at", "changed").first()
    if facts is None or facts[1]:
        raise ShardGone
    return facts[0] is not None


def _take_part(inputs: str) -> None:
    """Write a shard, unless another worker does so or did."""
    job = Job.objects.filter(kind=JOB, subject=inputs).order_by("-created_at").first()
    if job is not None and job.state == Job.State.QUARANTINED:
        raise RuntimeError(f"A shard could not be packed: {job.error}")
    if job is not None and job.state == Job.State.QUEUED:
        running.run(str(job.pk))
    elif (job is None or job.state != Job.State.RUNNING) and not _ready(inputs):
        job_enqueue(name=JOB, subject=inputs)


def shard_build(*, job: RunningJob) -> None:
    """Write a shard that is wanted and not there. Where its photos have changed meanwhile, it is given up."""
    while (shard := _wanted(job)) is not None:
        name = _begin(shard, job)
        items = pack_items(shard.version, shard.task, shard.size, bits=shard.bits, prefix=shard.prefix)
        if inputs_hash(shard.task, shard.size, items) != shard.inputs:
            _remove(shard.inputs, name)
            job.said = "what it was to hold has changed"
            return
        try:
            with file_written(name) as file, files_ahead() as ahead:
                count = _write(file, shard, items, ahead)
                sha256 = _sha256(file)
        except FileNotFoundError:
            # Deleted by whoever withdrew a photo in it; anything else that is missing is an error.
            if PackShard.objects.filter(pk=shard.pk, file=name, changed=False).exists():
                raise
            continue
        offered = False
        try:
            offered = _offer(shard, name, job, count=count, sha256=sha256)
        finally:
            if not offered:
                default_storage.delete(name)
        job.said = f"{count} packed"


def _wanted(job: RunningJob) -> PackShard | None:
    return PackShard.objects.filter(pk=job.subject, ready_at=None).select_related("version").first()


def _begin(shard: PackShard, job: RunningJob) -> str:
    """Erase what a former attempt has left, and choose the name of a new file."""
    if shard.file:
        default_storage.delete(shard.file)
    name = f"{FOLDER}/{shard.task}-{shard.size}/{shard.inputs[:32]}.{secrets.token_hex(6)}.npy"
    with job.fenced():
        datasets_hold()  # who is withdrawing something has done so when we begin to read, or finds our name
        PackShard.objects.filter(pk=shard.pk, ready_at=None).update(file=name, changed=False)
    return name


def _write(file: IO[bytes], shard: PackShard, items: list[PackItem], files: ReadAhead) -> int:
    """Returns how many there are: pictures that are lost are left out. Raises JobRefused for one that is damaged."""
    import numpy as np

    from ml.data.shards import Rows, write_shard

    decoders = _decoders()
    files.expect(name for item in items for name in item.files)
    there: list[tuple[PackItem, tuple[Crop, ...]]] = []
    for item in items:
        try:
            pictures = tuple(
                decode(files.take(name), shard.size, of=name)
                for decode, name in zip(decoders, item.files, strict=False)
            )
        except FileNotFoundError:
            logger.warning("A picture of a photo is lost", extra={"id": item.id})
            continue
        except ValueError as damage:
            raise JobRefused(str(damage)) from damage  # it would be no better read once more
        there.append((item, pictures))
    if not there:
        return 0
    ids, people, splits, labels, _, points = zip(*(item for item, _ in there), strict=True)
    placed = np.array(points, np.float32) if shard.task == Task.KEYPOINTS else None
    rows = Rows(ids, people, splits, labels, placed)
    write_shard(file, task=shard.task, rows=rows, pictures=(pictures for _, pictures in there))
    return len(there)


def _decoders() -> "tuple[Callable[..., Crop], ...]":
    from labeling.crops import alpha_decode, crop_decode

    return (crop_decode, crop_decode, alpha_decode)


def _sha256(file: IO[bytes]) -> str:
    file.flush()
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _offer(shard: PackShard, name: str, job: RunningJob, *, count: int, sha256: str) -> bool:
    """Make the file the shard's, which it is not when a photo in it was withdrawn meanwhile."""
    with job.fenced():
        ours = PackShard.objects.filter(pk=shard.pk, file=name, changed=False)
        return bool(ours.update(ready_at=timezone.now(), count=count, sha256=sha256))


def shard_refuse(shard: PackShard) -> None:
    """A file that is not what was written is not used again: the shard is to be packed anew."""
    logger.error("A packed shard is damaged or lost, and is packed anew", extra={"file": shard.file})
    PackShard.objects.filter(pk=shard.pk, file=shard.file).update(ready_at=None)


def shards_forget(*, photos: PhotoQuerySet) -> None:
    """Let go of all shards that hold one of these photos: their files are erased. The caller's transaction holds the
    data sets, as `photos_leave_datasets` does."""
    known = set(PackShard.objects.values_list("bits", flat=True))
    ids = list(photos.values_list("pk", flat=True)) if known else []
    for bits in known:
        for some in _by_hundreds(sorted({prefix_of(photo, bits) for photo in ids})):
            shards = PackShard.objects.filter(bits=bits, prefix__in=some)
            names = list(shards.exclude(file="").values_list("file", flat=True))
            shards.update(changed=True, ready_at=None)
            if names:
                files_erase(subject=f"packs:{uuid.uuid4().hex}", names=names)


def shards_tidy() -> None:
    """Erase what no training takes any more: shards of older versions than the last two, and those let go."""
    kept = DatasetVersion.objects.frozen().order_by("-number").values_list("number", flat=True)[:2]
    old = PackShard.objects.exclude(version__in=list(kept)).filter(used_at__lt=timezone.now() - _UNUSED)
    old.update(changed=True, ready_at=None)
    writing = Job.objects.filter(kind=JOB, subject=OuterRef("inputs"), state=Job.State.RUNNING)
    over = PackShard.objects.filter(~Exists(writing), changed=True)
    for inputs, name in list(over.values_list("inputs", "file")):
        _remove(inputs, name)


def _remove(inputs: str, name: str) -> None:
    """The file before the row: what is known can be found again."""
    if name:
        default_storage.delete(name)
    PackShard.objects.filter(pk=inputs, file=name, ready_at=None).delete()


def _by_hundreds(names: list[Any]) -> Iterable[list[Any]]:
    return (names[start : start + 500] for start in range(0, len(names), 500))
