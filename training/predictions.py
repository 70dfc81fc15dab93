"""What the active model says of a face."""

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING

from collector.models import Photo, Smiley
from labeling.models import Face
from labeling.queue import opinion_record

from .artifacts import artifact_fetch
from .models import ModelVersion, Prediction, Task

if TYPE_CHECKING:
    from ml.predict import SmileyClassifier


def prediction_make(*, face_id: uuid.UUID) -> Prediction | None:
    """Predict with the active smiley model; None without one, or when the face was withdrawn meanwhile."""
    model = ModelVersion.objects.active(Task.SMILEY)
    face = Face.objects.filter(pk=face_id).exclude(crop="").first()
    if model is None or face is None:
        return None
    from labeling.crops import crop_read

    classifier = _classifier(model.pk)
    try:
        crop = crop_read(face.crop, classifier.input_size)
    except FileNotFoundError:
        return None
    shares = classifier.predict(crop[None])[0]
    distribution = {
        slug: round(float(share), 5) for slug, share in zip(classifier.classes, shares, strict=True)
    }
    winner = max(distribution, key=distribution.__getitem__)
    # The face may have been withdrawn while we looked: then there is nothing to hang a prediction on.
    if not Face.objects.filter(pk=face_id).exists():
        return None
    prediction = Prediction.objects.update_or_create(
        face=face,
        model=model,
        defaults={
            "smiley": Smiley.objects.get(slug=winner),
            "share": distribution[winner],
            "distribution": distribution,
        },
    )[0]
    opinion_tell(face.photo)
    return prediction


def opinion_tell(photo: Photo) -> None:
    """Tell the review queue what the active model says of the photo, if it has said anything."""
    made = Prediction.objects.filter(
        face__photo=photo,
        face__is_subject=True,
        model__task=Task.SMILEY,
        model__state=ModelVersion.State.ACTIVE,
    )
    prediction = made.select_related("smiley").first()
    if prediction is not None:
        prompt_share = prediction.distribution.get(photo.smiley.slug, 0.0)
        opinion_record(photo=photo, smiley=prediction.smiley, prompt_share=prompt_share)


@lru_cache(maxsize=2)
def _classifier(model_id: int) -> "SmileyClassifier":
    from ml.predict import SmileyClassifier

    return SmileyClassifier(artifact_fetch(ModelVersion.objects.get(pk=model_id)))
