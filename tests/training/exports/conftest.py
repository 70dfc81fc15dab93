"""A small data set in which each photo differs, and its exports."""

import io
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from collector.models import Participant, Photo, Scope, Smiley
from collector.services import consent_change, photo_import, photo_processed, photo_submit
from labeling.imports import batch_open
from labeling.models import Face, KeypointSet, MaskedFace
from labeling.services import label_import
from operations.jobs import running
from operations.models import Job
from tests.collector.pictures import jpeg_of
from tests.conftest import jpeg
from tests.labeling.conftest import newcomer
from tests.operations.conftest import quick_passwords
from training.datasets import dataset_freeze
from training.exports.models import Export
from training.exports.services import export_request
from training.models import DatasetVersion

__all__ = ["quick_passwords"]

RELEASE = {"release": True, "licence": "CC BY 4.0", "citation": "Smielfy, 2026"}


def noise(seed: int, side: int = 256) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return blocks.repeat(side // 8, 0).repeat(side // 8, 1)


def accepted_photo(
    slug: str, participant: Participant, number: int, data: bytes | None = None, batch: Any = None
) -> Photo:
    """With a crop of its own, keypoints by mesh, and by a human on every second."""
    smiley = Smiley.objects.get(slug=slug)
    facts = {"participant": participant, "smiley": smiley, "client_id": uuid.uuid4()}
    data = data or jpeg(noise(number))
    photo, _ = photo_import(batch=batch, data=data, **facts) if batch else photo_submit(data=data, **facts)
    photo_processed(photo=photo, face_found=True)
    name = f"crops/2026/01/01/{uuid.uuid4()}.jpg"
    measured = {
        "x": 20.5,
        "y": 30.25,
        "width": 120.0,
        "height": 130.0,
        "score": 0.9,
        "yaw": 1.5,
        "pitch": -2.0,
    }
    face = Face.objects.create(
        photo=photo,
        is_subject=True,
        crop=default_storage.save(name, ContentFile(jpeg(noise(number + 1000)))),
        roll=0.5,
        sharpness=10 + number,
        brightness=100,
        flags={"dark": 1.0} if number % 3 == 0 else {},
        transform=[[2, 0, -10], [0, 2, -20]],
        **measured,
    )
    points = [[40.0 + index + number / 8, 50.0 + index] for index in range(15)]
    sources = [KeypointSet.Source.MESH, *([KeypointSet.Source.HUMAN] if number % 2 else [])]
    for shift, source in enumerate(sources):
        moved = [[x + shift, y] for x, y in points]
        seen = [index != number % 15 for index in range(15)]
        KeypointSet.objects.create(face=face, source=source, points=moved, visible=seen)
    label_import(photo=photo, smiley=smiley)
    photo.refresh_from_db()
    return photo


@pytest.fixture
def version(private_folder: Path, db: None) -> DatasetVersion:
    """Version 1: nine people with a `tongue` and a `grin` each. One shares nothing in releases, one was imported, and
    the faces of one wear masks, too."""
    for number in range(9):
        batch, somebody = None, Participant.objects.create()
        if number == 1:
            batch = batch_open(source="A corpus", licence="research only", legal_basis="research")
        else:
            somebody = newcomer()
        numbered = enumerate(("tongue", "grin"), start=2 * number)
        made = [accepted_photo(slug, somebody, index, batch=batch) for index, slug in numbered]
        if number == 0:
            consent_change(participant=somebody, scope=Scope.SHARE_IN_RELEASE, allowed=False)
        if number == 2:
            for photo in made:
                mask(photo.faces.get(), 7)
    return dataset_freeze(actor="system")[0]


def mask(face: Face, seed: int, data: bytes | None = None) -> None:
    image, alpha = (f"masks/2026/01/01/{uuid.uuid4()}.{kind}" for kind in ("jpg", "png"))
    for name in (image, alpha):
        default_storage.save(name, ContentFile(data or jpeg_of()))
    MaskedFace.objects.create(face=face, style="kn95", seed=seed, image=image, alpha=alpha)


@pytest.fixture
def exported(version: DatasetVersion) -> Callable[..., Export]:
    """Export version 1, and see it done."""

    def make(format: str, **asked: Any) -> Export:
        export, job = export_request(
            version=version, format=format, actor="staff:mona", announced=False, **asked
        )
        running.run(str(job.pk))
        job.refresh_from_db()
        assert job.state == Job.State.DONE, job.error
        export.refresh_from_db()
        assert export.ready_at is not None
        return export

    return make


@pytest.fixture
def unpacked(exported: Callable[..., Export], tmp_path: Path) -> Callable[..., Path]:
    """Export version 1, and unpack it; returns its folder."""

    def make(format: str, **asked: Any) -> Path:
        export = exported(format, **asked)
        with default_storage.open(export.file) as file, tarfile.open(fileobj=file) as tar:
            tar.extractall(tmp_path / "unpacked", filter="data")
        return tmp_path / "unpacked" / f"smielfy-1-{format}"

    return make


def pixels(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
