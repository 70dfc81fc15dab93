"""Having a model that was promoted look at every face again, in the background."""

import uuid
from collections.abc import Callable

from labeling.models import Face, KeypointSet

from .models import ModelVersion, Prediction, Task
from .predictions import keypoints_make, prediction_make

FACES_A_JOB = 500  # a few seconds of work, so that a kill costs little and other bulk work is not held up


def faces_repredict(
    *, model_id: int, after: uuid.UUID | None, report: Callable[[int, int], None] = lambda done, total: None
) -> uuid.UUID | None:
    """Have the model look at the next faces, in the order of their ids, that it has not looked at yet.

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
    else:
        seen = KeypointSet.objects.filter(source=KeypointSet.Source.MODEL, face__in=batch)
        known = set(seen.filter(created_at__gt=model.promoted_at).values_list("face_id", flat=True))
        make = keypoints_make
    waiting = [face for face in batch if face not in known]
    for done, face_id in enumerate(waiting, start=1):
        make(face_id=face_id)
        if done % 25 == 0:
            report(done, len(waiting))
    return batch[-1] if len(batch) == FACES_A_JOB else None
