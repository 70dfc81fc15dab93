"""The use case of keeping masked variants of the faces of a data set, so that taking masks off can be learned."""

import uuid
from collections.abc import Callable

from django.conf import settings

from labeling.masking import masks_wanted
from labeling.models import Face
from operations.problems import Problem

FACES_A_JOB = 500  # seconds of work, so that a kill costs little and other bulk work is not held up


def dataset_mask(
    *, number: int, after: uuid.UUID | None, report: Callable[[int, int], None] = lambda done, total: None
) -> uuid.UUID | None:
    """Bring the next faces of a version, in the order of their ids, up to MASKS_PER_FACE masked variants.

    Returns the last face looked at, to go on from; None when all have been. Faces that no mask fits are left out.
    """
    faces = (
        Face.objects.filter(photo__datasetitem__version=number, is_subject=True)
        .exclude(crop="")
        .order_by("pk")
    )
    if after is not None:
        faces = faces.filter(pk__gt=after)
    batch = list(faces.values_list("pk", flat=True)[:FACES_A_JOB])
    for done, face_id in enumerate(batch, start=1):
        try:
            masks_wanted(face_id=face_id, count=settings.MASKS_PER_FACE)
        except Problem:
            continue
        if done % 25 == 0:
            report(done, len(batch))
    return batch[-1] if len(batch) == FACES_A_JOB else None
