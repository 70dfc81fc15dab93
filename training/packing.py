"""Packing what is left of a version as plain arrays, for the training process."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import OuterRef, Subquery

from labeling.keypoints import keypoints_best_of
from labeling.masking import masks_wanted
from labeling.models import CROP_SIZE, Face, KeypointSet, MaskedFace
from operations.problems import Problem

from .datasets import items_of
from .models import DatasetVersion, Task
from .pages import pages

if TYPE_CHECKING:
    from labeling.crops import Crop

_WATCHED_CROPS = 200
#: A model must not learn from what a model said.
_TAUGHT_BY = (KeypointSet.Source.HUMAN, KeypointSet.Source.MESH)

Watch = Callable[[], None]


class _Item(NamedTuple):
    photo: uuid.UUID
    participant: uuid.UUID
    smiley: str
    split: str
    face: uuid.UUID
    crop: str
    transform: Any
    masked: tuple[str, str] = ("", "")  # the names of a masked variant and of its alpha


def dataset_pack(
    *,
    version: DatasetVersion,
    size: int,
    out: Path,
    task: str = Task.SMILEY,
    watch: Watch = lambda: None,
) -> None:
    """Write what is left of a version as packed arrays of `size`×`size` RGB crops into the folder `out`.

    For keypoints with a human's points, else the mesh's; for mask removal a pair for each masked variant, and faces
    that have none yet get theirs. `watch` is called every few hundred crops; when it raises, nothing is left there.
    Raises ml.data.packed.DataError when there is nothing to learn from.
    """
    if task == Task.UNMASK:
        _mask(_items_with_crops(version), watch)
    while True:
        items = _items(version, task)
        try:
            _write(items, task, size, out, watch)
        except FileNotFoundError:
            # Withdrawn while we packed: begin again without it.
            if _items(version, task) == items:
                raise
        else:
            return


def _items(version: DatasetVersion, task: str) -> list[_Item]:
    items = _items_with_crops(version)
    if task == Task.SMILEY:
        return items
    faces = Face.objects.filter(photo__datasetitem__version=version, is_subject=True)
    if task == Task.KEYPOINTS:
        sets = KeypointSet.objects.filter(face__in=faces, source__in=_TAUGHT_BY)
        placed = set(sets.values_list("face_id", flat=True))
        return [item for item in items if item.face in placed]
    variants: dict[uuid.UUID, list[tuple[str, str]]] = {}
    rows = MaskedFace.objects.filter(face__in=faces).values_list("pk", "face_id", "image", "alpha")
    for page in pages(rows, "pk"):
        for _, face, image, alpha in page:
            variants.setdefault(face, []).append((image, alpha))
    return [item._replace(masked=masked) for item in items for masked in sorted(variants.get(item.face, []))]


def _items_with_crops(version: DatasetVersion) -> list[_Item]:
    """What is left of a version whose crops are on disk."""
    subject = Face.objects.filter(photo=OuterRef("photo_id"), is_subject=True)
    rows = items_of(version).values_list(
        "photo_id",
        "photo__participant_id",
        "smiley__slug",
        "split",
        *(Subquery(subject.values(name)) for name in ("pk", "crop", "transform")),
    )
    items = (_Item(*row) for page in pages(rows, "photo_id") for row in page)
    return [item for item in items if item.crop and default_storage.exists(item.crop)]


def _mask(items: list[_Item], watch: Watch) -> None:
    masked = set(MaskedFace.objects.values_list("face_id", flat=True).distinct())
    for number, item in enumerate(items):
        if number % _WATCHED_CROPS == 0:
            watch()
        if item.face in masked:
            continue
        try:
            masks_wanted(face_id=item.face, count=max(settings.MASKS_PER_FACE, 1))
        except Problem:
            continue  # no mask fits on this one


def _write(items: list[_Item], task: str, size: int, out: Path, watch: Watch) -> None:
    from labeling.crops import alpha_read, crop_read
    from ml.data.manifest import write_packed

    taught: dict[str, Any] = {}
    ids = [str(item.photo) for item in items]
    if task == Task.SMILEY:
        taught["labels"] = [item.smiley for item in items]
    elif task == Task.KEYPOINTS:
        taught["points"] = _points(items, size)
    else:
        taught["masked"] = _read([item.masked[0] for item in items], size, crop_read, watch)
        taught["alpha"] = _read([item.masked[1] for item in items], size, alpha_read, watch)
        ids = [f"{item.photo}#{Path(item.masked[0]).stem}" for item in items]
    write_packed(
        out,
        task=task,
        images=_read([item.crop for item in items], size, crop_read, watch),
        persons=[str(item.participant) for item in items],
        splits=[item.split for item in items],
        ids=ids,
        **taught,
    )


def _read(names: list[str], size: int, read: "Callable[[str, int], Crop]", watch: Watch) -> "Iterator[Crop]":
    for number, name in enumerate(names):
        if number % _WATCHED_CROPS == 0:
            watch()
        yield read(name, size)


def _points(items: list[_Item], size: int) -> Any:
    """float32 [N, 15, 2] in pixels of the packed crops; NaN where a point cannot be seen."""
    import numpy as np

    from ml.geometry import Similarity
    from ml.landmarks import KEYPOINT_NAMES
    from ml.metrics import scaled_points

    best: dict[uuid.UUID, KeypointSet] = {}
    faces = [item.face for item in items]
    for start in range(0, len(faces), 500):
        best |= keypoints_best_of(faces[start : start + 500], among=_TAUGHT_BY)
    rows = np.full((len(items), len(KEYPOINT_NAMES), 2), np.nan, np.float32)
    for row, item in zip(rows, items, strict=True):
        if item.face not in best:
            continue  # withdrawn since: its crop is gone, too, so that all is packed anew
        found = best[item.face]
        in_crop = scaled_points(Similarity.from_list(item.transform).apply(found.points), CROP_SIZE, size)
        row[:] = np.where(np.asarray(found.visible)[:, None], in_crop, np.nan)
    return rows
