"""What the active models say of a face: which smiley it shows, and where its keypoints are."""

import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from collector.models import Photo, Smiley
from labeling.keypoints import keypoints_propose
from labeling.models import CROP_SIZE, Face, KeypointSet
from labeling.queue import opinion_record
from operations.problems import Problem

from .artifacts import artifact_fetch
from .models import ModelVersion, Prediction, Task

if TYPE_CHECKING:
    from ml.predict import KeypointModel, SmileyClassifier, Unmasker


def prediction_make(*, face_id: uuid.UUID) -> Prediction | None:
    """Have the active smiley model vote on a face; None without a model, or when the face was withdrawn meanwhile."""
    model = ModelVersion.objects.active(Task.SMILEY)
    face = Face.objects.filter(pk=face_id).exclude(crop="").first()
    if model is None or face is None:
        return None
    from labeling.crops import crop_read
    from ml.vote import vote_on_crop

    asked = classifier(artifact_fetch(model))
    try:
        crop = crop_read(face.crop, CROP_SIZE)
    except FileNotFoundError:
        return None
    shares = vote_on_crop(asked, crop).named(asked.classes)
    return _store(face, model, {slug: round(share, 5) for slug, share in shares.items()})


def keypoints_make(*, face_id: uuid.UUID) -> KeypointSet | None:
    """Have the active keypoint model place the points of a face; None without a model, or when the face was withdrawn
    meanwhile."""
    model = ModelVersion.objects.active(Task.KEYPOINTS)
    face = Face.objects.filter(pk=face_id).exclude(crop="").first()
    if model is None or face is None:
        return None
    from labeling.crops import crop_read
    from ml.geometry import Similarity

    try:
        crop = crop_read(face.crop, CROP_SIZE)
    except FileNotFoundError:
        return None
    (placed,) = placer(artifact_fetch(model)).predict(crop[None])
    points = Similarity.from_list(face.transform).inverse().apply(placed)
    # A model says where a point lies, and nothing of whether it can be seen.
    mesh = KeypointSet.objects.filter(face=face, source=KeypointSet.Source.MESH).first()
    visible = mesh.visible if mesh is not None else [True] * len(points)
    try:
        return keypoints_propose(face=face, points=points.round(2).tolist(), visible=visible)
    except Problem as problem:
        if problem.code != "face_gone":
            raise
        return None


@transaction.atomic
def _store(face: Face, model: ModelVersion, distribution: dict[str, float]) -> Prediction | None:
    """`distribution` has the winner first."""
    # Locked against its withdrawal, and against its entry into the review queue, which looks for predictions then.
    photo = Photo.objects.select_for_update(no_key=True).filter(pk=face.photo_id).first()
    if photo is None:
        return None
    winner = next(iter(distribution))
    prediction = Prediction.objects.update_or_create(
        face=face,
        model=model,
        defaults={
            "smiley": Smiley.objects.get(slug=winner),
            "share": distribution[winner],
            "distribution": distribution,
        },
    )[0]
    opinion_tell(photo)
    return prediction


@transaction.atomic
def opinion_repeat(*, face_id: uuid.UUID) -> None:
    """Tell the review queue again what the active model has said of a face before."""
    photos = Photo.objects.select_for_update(no_key=True, of=("self",))
    photo = photos.filter(faces=face_id).first()
    if photo is not None:
        opinion_tell(photo)


def opinion_tell(photo: Photo) -> None:
    """Tell the review queue what the active model says of a photo that is locked, if it has said anything."""
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
def classifier(artifact: Path) -> "SmileyClassifier":
    from ml.predict import SmileyClassifier

    return SmileyClassifier(artifact)


@lru_cache(maxsize=2)
def placer(artifact: Path) -> "KeypointModel":
    from ml.predict import KeypointModel

    return KeypointModel(artifact)


@lru_cache(maxsize=2)
def unmasker(artifact: Path) -> "Unmasker":
    from ml.predict import Unmasker

    return Unmasker(artifact)
