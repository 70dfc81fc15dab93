"""Having a model that was promoted look at every face again, in the background."""

import logging
import uuid
from collections.abc import Callable

from labeling.models import Face, KeypointSet

from .artifacts import artifact_fetch
from .models import ModelVersion, Prediction, Task
from .predictions import classifier, keypoints_make, opinion_repeat, placer, prediction_make

logger = logging.getLogger(__name__)

FACES_A_JOB = 500  # a few seconds of work, so that a kill costs little and other bulk work is not held up


def faces_repredict(
    *, model_id: int, after: uuid.UUID | None, report: Callable[[int, int], None] = lambda done, total: None
) -> uuid.UUID | None:
    """Have the model look at the next faces, in the order of their ids, that it has not looked at yet.

    What it said of smileys before, the review queue is told again: another model may have served in between. A face
    whose stored crop is damaged is left out: the others must not wait behind it.

    Returns the last one, to go on from; None when all have been, or when another model serves by now.
    """
    model = ModelVersion.objects.get(pk=model_id)
    if model.state != ModelVersion.State.ACTIVE:
        return None
    faces = Face.objects.exclude(crop="").order_by("pk")
    if after is not None:
        faces = faces.filter(pk__gt=after)
    batch = list(faces.values_list("pk", flat=True)[:FACES_A_JOB])
    if model.task == Task.SMILEY:
        known = set(Prediction.objects.filter(model=model, face__in=batch).values_list("face_id", flat=True))
        make: Callable[..., object] = prediction_make
        classifier(artifact_fetch(model))  # a model that cannot be loaded is no fault of a face
        for face_id in known:
            opinion_repeat(face_id=face_id)
    else:
        seen = KeypointSet.objects.filter(source=KeypointSet.Source.MODEL, face__in=batch)
        known = set(seen.filter(created_at__gt=model.promoted_at).values_list("face_id", flat=True))
        make = keypoints_make
        placer(artifact_fetch(model))
    waiting = [face for face in batch if face not in known]
    for done, face_id in enumerate(waiting, start=1):
        try:
            make(face_id=face_id)
        except ValueError as error:
            logger.warning("No model looks at a face", extra={"face": str(face_id), "error": str(error)})
        if done % 25 == 0:
            report(done, len(waiting))
    return batch[-1] if len(batch) == FACES_A_JOB else None
