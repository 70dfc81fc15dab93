"""The use case of keeping masked variants of the faces of a data set, so that taking masks off can be learned."""

import logging
import uuid
from collections.abc import Callable

from django.conf import settings

from labeling.masking import masks_wanted
from labeling.models import Face
from operations.problems import Problem

logger = logging.getLogger(__name__)

FACES_A_JOB = 500  # seconds of work, so that a kill costs little and other bulk work is not held up


def dataset_mask(
    *,
    number: int,
    after: uuid.UUID | None,
    report: Callable[[int, int], None] = lambda done, total: None,
    faces_a_job: int = FACES_A_JOB,
) -> uuid.UUID | None:
    """Bring the next faces of a version, in the order of their ids, up to MASKS_PER_FACE masked variants.

    Returns the last face looked at, to go on from; None when all have been. Faces that no mask fits are left out, and
    so is one whose stored crop is damaged: the others must not wait behind it.
    """
    faces = (
        Face.objects.filter(photo__datasetitem__version=number, is_subject=True)
        .exclude(crop="")
        .order_by("pk")
    )
    if after is not None:
        faces = faces.filter(pk__gt=after)
    batch = list(faces.values_list("pk", flat=True)[:faces_a_job])
    for done, face_id in enumerate(batch, start=1):
        try:
            masks_wanted(face_id=face_id, count=settings.MASKS_PER_FACE)
        except Problem:
            continue
        except ValueError as error:
            logger.warning("A face gets no mask", extra={"face": str(face_id), "error": str(error)})
            continue
        if done % 25 == 0:
            report(done, len(batch))
    return batch[-1] if len(batch) == faces_a_job else None
