"""What the active model says of a face: the vote of 45 windows, told to the queue, and nothing of who has gone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.crops import crop_encode, crop_read
from labeling.models import CROP_SIZE, Face, QueueEntry
from labeling.queue import queue_follow
from ml.predict import SmileyClassifier
from ml.vote import vote_on_crop
from tests.conftest import wait_until
from tests.ml.models import write_small_model
from tests.training.beside import Beside, postgresql_only, waiting_for_locks
from training.datasets import dataset_freeze
from training.models import ModelVersion, Prediction, TrainingRun
from training.predictions import prediction_make
from training.promotion import model_promote
from training.runs import model_register

committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(
        tmp_path_factory.mktemp("model") / "artifact", classes=("grin", "tongue", "wink")
    )


@pytest.fixture
def active(people: list[Photo], artifact: Path) -> ModelVersion:
    version, _ = dataset_freeze(actor="system")
    run = TrainingRun.objects.create(version=version, created_by="system", photos=version.items.count())
    metrics = {"classes": ["grin", "tongue", "wink"], "accuracy": 0.9, "macro_f1": 0.9, "per_class": {}}
    model = model_register(run=run, artifact=artifact, metrics=metrics)
    return model_promote(model=model, actor="system")


@pytest.fixture
def face(seen_photo: Callable[..., Photo], private_folder: Path) -> Face:
    """A face of somebody new, with something to see in its crop."""
    face = seen_photo("grin").faces.get()
    pixels = np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8)
    crop = np.kron(pixels, np.ones((CROP_SIZE // 16, CROP_SIZE // 16, 1), np.uint8))
    default_storage.delete(face.crop)
    default_storage.save(face.crop, ContentFile(crop_encode(crop)))
    return face


def test_prediction_is_the_vote_and_not_the_single_crop(
    active: ModelVersion, face: Face, artifact: Path
) -> None:
    made = prediction_make(face_id=face.pk)
    assert made is not None
    classifier = SmileyClassifier(artifact)
    crop = crop_read(face.crop, CROP_SIZE)
    voted = vote_on_crop(classifier, crop).named(classifier.classes)
    assert made.distribution == pytest.approx(voted, abs=1e-5)
    assert list(made.distribution) == list(voted), "the winner first"
    assert (made.smiley.slug, made.share) == next(iter(made.distribution.items()))
    assert made.distribution != pytest.approx(classifier.predict_one(crop), abs=1e-3)


def test_same_model_says_one_thing_of_a_face(active: ModelVersion, face: Face) -> None:
    first, again = prediction_make(face_id=face.pk), prediction_make(face_id=face.pk)
    assert first == again == Prediction.objects.get()


def test_without_a_model_nothing_is_said(face: Face) -> None:
    assert prediction_make(face_id=face.pk) is None


def test_review_queue_is_told(active: ModelVersion, face: Face) -> None:
    queue_follow(photo=face.photo)
    made = prediction_make(face_id=face.pk)
    assert made is not None
    entry = QueueEntry.objects.get(photo=face.photo)
    assert (entry.model_smiley, entry.model_share) == (made.smiley, made.distribution["grin"])


@postgresql_only
@pytest.mark.database
@committed
def test_photo_that_is_being_withdrawn_gets_no_prediction(active: ModelVersion, face: Face) -> None:
    with transaction.atomic():
        photo_withdraw(photo=face.photo, actor="participant")
        prediction = Beside(lambda: prediction_make(face_id=face.pk))
        wait_until(lambda: waiting_for_locks() or prediction.done, "the prediction has come as far as it can")
    assert prediction.result() is None
    assert not Prediction.objects.exists()
