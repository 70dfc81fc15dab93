"""Packing what is left of a version as plain arrays, for the training process: from the shards of the cache."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from labeling.masking import masks_wanted
from labeling.models import Face, MaskedFace
from operations.private_files import on_disk
from operations.problems import Problem

from .models import DatasetVersion, PackShard, Task
from .pages import pages
from .shards import Plan, ShardGone, shard_refuse, shards_make, shards_planned, shards_want

_WATCHED_FACES = 200
_MENDED = 3  # so often a damaged shard is packed anew: then it is the disk

Watch = Callable[[], None]


def dataset_pack(
    *,
    version: DatasetVersion,
    size: int,
    out: Path,
    task: str = Task.SMILEY,
    watch: Watch = lambda: None,
) -> None:
    """Put together what is left of a version as packed arrays of `size`×`size` RGB crops in the folder `out`.

    For keypoints with a human's points, else the mesh's; for mask removal a pair for each masked variant, and faces
    that have none yet get theirs. Only shards that the cache lacks are written. `watch` is called every few hundred
    crops; when it raises, nothing is left there. Raises ml.data.packed.DataError when there is nothing to learn from.
    """
    from ml.data.manifest import DamagedShard

    if task == Task.UNMASK:
        _mask(version, watch)
    mended = 0
    while True:
        plans = []
        for plan in shards_planned(version, task, size):
            watch()
            plans.append(plan)
        shards_want(version, task, size, plans)
        try:
            shards_make(plans, watch)
            return _put_together(plans, task, out, watch)
        except ShardGone:
            continue  # withdrawn while we packed: begin again without it
        except DamagedShard:
            mended += 1
            if mended > _MENDED:
                raise


def _put_together(plans: list[Plan], task: str, out: Path, watch: Watch) -> None:
    from ml.data.manifest import DamagedShard, DataError, pack_opened

    there = PackShard.objects.in_bulk([plan.inputs for plan in plans])
    if len(there) != len(plans) or any(shard.ready_at is None for shard in there.values()):
        raise ShardGone
    shards = {f"{plan.prefix:06x}.npy": there[plan.inputs] for plan in plans if there[plan.inputs].count}
    if not shards:
        raise DataError("The data set is empty: accept some photos first.")
    with pack_opened(out) as opened:
        for name, shard in shards.items():
            watch()
            _fetch(shard, opened.folder / name)
        try:
            opened.close(
                list(shards), task=task, sha256={name: shard.sha256 for name, shard in shards.items()}
            )
        except DamagedShard as damage:
            shard_refuse(shards[damage.file])
            raise


def _fetch(shard: PackShard, target: Path) -> None:
    """Bring a shard to this machine's disk. Raises ShardGone when it is not in the storage any more."""
    try:
        with on_disk(shard.file) as path:
            try:
                os.link(path, target)
            except FileNotFoundError:
                raise
            except OSError:  # another disk
                shutil.copyfile(path, target)
    except FileNotFoundError as error:
        shard_refuse(shard)
        raise ShardGone from error


def _mask(version: DatasetVersion, watch: Watch) -> None:
    faces = Face.objects.filter(photo__datasetitem__version=version, is_subject=True).exclude(crop="")
    for page in pages(faces.values_list("pk"), "pk", size=_WATCHED_FACES):
        watch()
        ids = [face for (face,) in page]
        masked = set(MaskedFace.objects.filter(face__in=ids).values_list("face_id", flat=True))
        for face in ids:
            if face in masked:
                continue
            try:
                masks_wanted(face_id=face, count=max(settings.MASKS_PER_FACE, 1))
            except Problem:
                continue  # no mask fits on this one
