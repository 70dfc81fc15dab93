"""Masked variants are kept for the faces of the newest data set, so that mask removal always has pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from collector.models import Photo
from labeling.crops import crop_encode
from labeling.models import Face, MaskedFace
from operations.jobs import running
from operations.models import Job
from tests.operations.conftest import do_round
from training.datasets import dataset_freeze
from training.masks import dataset_mask


def kept() -> set[tuple[object, int, str]]:
    return {(masked.face_id, masked.seed, masked.style) for masked in MaskedFace.objects.all()}


def test_each_face_gets_its_number_of_masks_whatever_interrupts(
    accepted: Callable[..., Photo], private_folder: Path, astronaut: np.ndarray, settings: Any
) -> None:
    settings.MASKS_PER_FACE = 2
    faces = sorted((Face.objects.get(photo=accepted()) for _ in range(4)), key=lambda face: face.pk)
    for face in faces:
        (private_folder / face.crop).write_bytes(crop_encode(astronaut[:256, 96:352]))
    (private_folder / faces[0].crop).write_bytes(b"no picture")
    version, _ = dataset_freeze(actor="system")

    last = dataset_mask(number=version.number, after=None, faces_a_job=2)
    assert last == faces[1].pk
    begun = kept()
    assert len(begun) == 2
    # Killed between one mask and the next of a face, and begun again from the same place.
    MaskedFace.objects.filter(face=faces[1]).first().delete()  # type: ignore[union-attr]
    (job,) = Job.objects.filter(kind="training.mask_dataset")
    running.run(str(job.pk))
    assert begun < kept(), "the same seeds draw the same masks again"
    assert sorted(MaskedFace.objects.values_list("face", flat=True)) == sorted(2 * [f.pk for f in faces[1:]])

    before = kept()
    do_round("training.keep_masks")
    (job,) = Job.objects.filter(kind="training.mask_dataset", state=Job.State.QUEUED)
    running.run(str(job.pk))
    assert kept() == before, "there are enough"
