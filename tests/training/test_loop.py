"""From accepted photos to a model's opinion on the next selfie, through the real training process."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from collector.models import ImportBatch, Participant, Photo, Smiley
from labeling.analysis import photo_analyse
from labeling.models import Face
from labeling.services import label_import
from operations.jobs import running
from operations.models import Job
from tests.conftest import jpeg
from training.datasets import dataset_freeze
from training.models import ModelVersion, Prediction, TrainingRun
from training.runs import model_promote, run_request

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True)]


@pytest.fixture
def accepted(private_folder: Path, db: None) -> list[Photo]:
    """Twelve people, two smileys, crops that a network can tell apart: bright above or bright below."""
    batch = ImportBatch.objects.create(
        source="generated", licence="none needed", legal_basis="nobody is in it"
    )
    smile, frown = Smiley.objects.get(slug="smile"), Smiley.objects.get(slug="frown")
    rng = np.random.default_rng(7)
    photos = []
    for person in range(12):
        participant = Participant.objects.create()
        for smiley in (smile, frown):
            crop = rng.integers(0, 60, (256, 256, 3), dtype=np.uint8)
            half = slice(0, 128) if smiley == smile else slice(128, 256)
            crop[half] += 150
            photos.append(_accepted_photo(batch, participant, smiley, jpeg(crop), person))
    return photos


def _accepted_photo(
    batch: ImportBatch, participant: Participant, smiley: Smiley, crop: bytes, person: int
) -> Photo:
    photo = Photo.objects.create(
        participant=participant,
        import_batch=batch,
        smiley=smiley,
        client_id=uuid.uuid4(),
        file=default_storage.save(f"photos/{uuid.uuid4()}.jpg", ContentFile(crop)),
        width=256,
        height=256,
        size=len(crop),
        sha256="0" * 64,
        upload_sha256="0" * 64,
    )
    Face.objects.create(
        photo=photo,
        is_subject=True,
        **dict.fromkeys(("x", "y", "yaw", "pitch", "roll", "sharpness"), 0.0),
        **dict.fromkeys(("width", "height", "score", "brightness"), 1.0),
        crop=default_storage.save(f"crops/{uuid.uuid4()}.jpg", ContentFile(crop)),
        transform=[[1, 0, 0], [0, 1, 0]],
    )
    label_import(photo=photo, smiley=smiley)
    return photo


def _train(**options: Any) -> TrainingRun:
    version, _ = dataset_freeze(actor="staff:test")
    asked = {
        "task": "smiley",
        "architecture": "garage_cnn",
        "epochs": 2,
        "seed": 1,
        "max_seconds": 120,
        **options,
    }
    run, job = run_request(**asked, version=version, actor="staff:test", here=True)
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert run.state == TrainingRun.State.DONE, run.error or job.error
    assert job.state == Job.State.DONE
    return run


def test_accepted_photos_become_a_model_that_speaks_of_the_next_selfie(
    accepted: list[Photo], participant: Any, smiley: Smiley, astronaut_jpeg: bytes
) -> None:
    from collector.services import photo_submit

    run = _train()
    model = run.model
    assert model.state == ModelVersion.State.CANDIDATE
    assert model.classes == ["frown", "smile"]
    assert [record["epoch"] for record in run.history] == [1, 2]
    assert 0 <= run.metrics["accuracy"] <= 1
    assert run.metrics["people"] >= 1
    assert default_storage.open(f"{model.artifact}/confusion.png").read(8) == b"\x89PNG\r\n\x1a\n"
    assert not list((settings.DATA_DIR / "runs").glob("*")), "packed crops outlive their run"

    model_promote(model=model, actor="staff:test")
    photo, _ = photo_submit(
        participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg
    )
    photo_analyse(photo_id=photo.pk)
    running.run(str(Job.objects.get(kind="training.predict").pk))
    prediction = Prediction.objects.get(face__photo=photo)
    assert prediction.model == model
    assert set(prediction.distribution) == {"frown", "smile"}
    assert sum(prediction.distribution.values()) == pytest.approx(1, abs=1e-3)
    assert prediction.share == max(prediction.distribution.values())


def test_a_training_that_cannot_succeed_says_why_and_is_not_tried_again(accepted: list[Photo]) -> None:
    for photo in accepted[2:]:
        photo.delete()  # one person is left
    call_command("freeze_dataset", verbosity=0)
    with pytest.raises(CommandError, match=r"(?i)people|person"):
        call_command("train", "smiley", "--epochs", "1")
    run = TrainingRun.objects.get()
    assert run.state == TrainingRun.State.FAILED
    assert Job.objects.get(kind="training.train").state == Job.State.QUARANTINED
