"""A collection that grows by people whose faces are plain to tell apart, and the loop that trains on it for real."""

import uuid
from pathlib import Path

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from collector.models import ImportBatch, Participant, Photo, Smiley
from labeling.models import Face
from labeling.services import label_import
from operations.jobs import running
from operations.models import Job
from tests.conftest import jpeg
from tests.training.clock import beat, later
from training.models import ModelVersion, Prediction, TrainingRun

#: Where a crop is bright: what a network can tell apart in an epoch or two.
BRIGHT = {
    "smile": (slice(0, 128), slice(None)),
    "frown": (slice(128, 256), slice(None)),
    "wink": (slice(64, 192), slice(64, 192)),
}
_rng = np.random.default_rng(7)


def people_come(count: int, *slugs: str, labelled: tuple[str, ...] = ()) -> list[Photo]:
    """So many people, each with an accepted photo of each smiley, or of what it is `labelled` as instead."""
    batch, _ = ImportBatch.objects.get_or_create(
        source="generated", licence="none", legal_basis="nobody is in it"
    )
    photos = []
    for _ in range(count):
        participant = Participant.objects.create()
        for shown, slug in zip(slugs, labelled or slugs, strict=True):
            crop = _rng.integers(0, 60, (256, 256, 3), dtype=np.uint8)
            crop[BRIGHT[shown]] += 150
            photos.append(_accepted_photo(batch, participant, Smiley.objects.get(slug=slug), jpeg(crop)))
    return photos


def _accepted_photo(batch: ImportBatch, participant: Participant, smiley: Smiley, crop: bytes) -> Photo:
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
        processed_at=timezone.now(),
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


def looked(epochs: int = 2) -> TrainingRun | None:
    """A beat of the clock, and the training that it asks for, made short and done."""
    before = set(TrainingRun.objects.values_list("pk", flat=True))
    beat()
    run = TrainingRun.objects.exclude(pk__in=before).first()
    if run is None:
        return None
    TrainingRun.objects.filter(pk=run.pk).update(architecture="garage_cnn", epochs=epochs)
    job = Job.objects.get(kind="training.train", subject=str(run.pk))
    running.run(str(job.pk))
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, job.state) == (TrainingRun.State.DONE, Job.State.DONE), run.error or job.error
    return run


def first_round(data_dir: Path, epochs: int = 2) -> TrainingRun:
    """36 people come, and the first model that beats the majority class serves by itself."""
    people_come(36, "smile", "frown")
    later(minutes=11)
    first = looked(epochs)
    assert first is not None
    assert first.model.state == ModelVersion.State.ACTIVE, first.model.judgement
    assert first.model.judgement["against"] == "the majority baseline"
    assert first.metrics["people"] >= 5
    assert not list((data_dir / "runs").glob("*")), "packed crops outlive their run"
    page = default_storage.open(f"{first.model.artifact}/report.html").read()
    assert b"reliability" in page
    running.run(str(Job.objects.get(kind="training.repredict").pk))
    assert Prediction.objects.filter(model=first.model).count() == 72
    return first
