"""What exporting 100,000 photos costs in each format: seconds and memory, beside `tar` of the same files.

Each photo is a file of some 100 kB with a face, a crop and keypoints. `--photos N` for another number, `--formats` for
some formats only. The masked faces are none, so that format is left out.
"""

import argparse
import logging
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMATS = ("table", "imagefolder", "coco", "webdataset", "parquet", "kaggle")
_PHOTOS_EACH = 17
_CHUNK = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--formats", nargs="*", default=FORMATS)
    given = parser.parse_args()
    import tests.environment  # noqa: F401  (a data folder of its own, before Django reads its settings)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from django.conf import settings

    fork = multiprocessing.get_context("fork")
    filling = fork.Process(target=_fill, args=(given.photos,))
    filling.start()
    filling.join()
    private = Path(settings.DATA_DIR) / "private"
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder, measured("tar of the photos") as took:
        subprocess.run(["tar", "-cf", f"{folder}/photos.tar", "-C", str(private), "photos"], check=True)
        subprocess.run(["sync", f"{folder}/photos.tar"], check=True)
        size = os.path.getsize(f"{folder}/photos.tar")
    tar = size / took[0]
    print(f"  {size / 1e6:,.0f} MB, {tar / 1e6:.0f} MB/s")
    for name in given.formats:
        # In a process of its own, so that its memory is its own.
        one = fork.Process(target=_export, args=(name, tar))
        one.start()
        one.join()


def _export(name: str, tar: float) -> None:
    from operations.jobs import running
    from training.exports.models import Export
    from training.exports.services import export_remove, export_request
    from training.models import DatasetVersion

    _, small = export_request(
        version=DatasetVersion.objects.get(pk=2), format=name, actor="bench", announced=False
    )
    running.run(str(small.pk))  # whatever is loaded is loaded then
    export, job = export_request(
        version=DatasetVersion.objects.get(pk=1), format=name, actor="bench", announced=False
    )
    with measured(name) as took:
        running.run(str(job.pk))
    export = Export.objects.get(pk=export.pk)
    assert export.ready_at is not None
    rate = export.size / took[0]
    print(
        f"  {export.photos:,} photos, {export.size / 1e6:,.0f} MB, {rate / 1e6:.0f} MB/s: {rate / tar:.0%} of tar"
    )
    Path(os.environ["DATA_DIR"], "private", export.file).unlink()
    export_remove(export=export, actor="bench")


def _fill(photos: int) -> None:
    from django.core.management import call_command
    from django.utils import timezone

    from collector.models import Consent, Participant, Photo, Smiley
    from collector.selectors import consent_text_current
    from labeling.models import Face, KeypointSet
    from training.models import DatasetItem, DatasetVersion

    call_command("migrate", verbosity=0)
    picture, crop = _jpeg(500), _jpeg(96)
    text, smileys, now = consent_text_current("en"), list(Smiley.objects.all()), timezone.now()
    versions = [
        DatasetVersion.objects.create(
            number=number, sha256="x", manifest="", photos=0, people=0, counts={}, created_by="bench"
        )
        for number in (1, 2)
    ]
    for start in range(0, photos, _CHUNK):
        numbers = range(start, min(start + _CHUNK, photos))
        people = {number // _PHOTOS_EACH: None for number in numbers}
        owners = {index: Participant(pk=uuid.uuid4()) for index in people}
        Participant.objects.bulk_create(owners.values())
        agreed = dict.fromkeys(("train", "show_as_example", "share_in_release"), True)
        consents = {
            index: Consent(participant=who, text=text, agreed_at=now, **agreed)
            for index, who in owners.items()
        }
        Consent.objects.bulk_create(consents.values())
        made: list[Photo] = []
        faces: list[Face] = []
        sets: list[KeypointSet] = []
        items: list[DatasetItem] = []
        for number in numbers:
            index, smiley = number // _PHOTOS_EACH, smileys[number % len(smileys)]
            photo = Photo(
                participant=owners[index], consent=consents[index], smiley=smiley, accepted_as=smiley,
                client_id=uuid.uuid4(), state="accepted", width=500, height=500, size=len(picture) + 16,
                sha256=uuid.uuid4().hex * 2, upload_sha256="x", created_at=now, processed_at=now,
            )  # fmt: skip
            photo.file = _written(f"photos/{number // 1000:03}/{photo.pk}.jpg", picture + photo.pk.bytes)
            face = Face(
                photo=photo, is_subject=True, x=1.5, y=2.5, width=99.25, height=98.5, score=0.9, yaw=1.0, pitch=2.0,
                roll=3.0, sharpness=4.0, brightness=5.0, transform=[[1, 0, 0], [0, 1, 0]],
                crop=_written(f"crops/{number // 1000:03}/{photo.pk}.jpg", crop),
            )  # fmt: skip
            points = [[point + number / 7, point * 1.5] for point in range(15)]
            made.append(photo)
            faces.append(face)
            sets.append(KeypointSet(face=face, source="mesh", points=points, visible=[True] * 15))
            split = ("train", "validation", "test")[index % 3]
            for version in versions[: 2 if number < 200 else 1]:
                items.append(DatasetItem(version=version, photo=photo, smiley=smiley, split=split))
        for model, rows in ((Photo, made), (Face, faces), (KeypointSet, sets), (DatasetItem, items)):
            model._default_manager.bulk_create(rows, batch_size=500)  # type: ignore[arg-type]


def _jpeg(side: int) -> bytes:
    import cv2
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", cv2.GaussianBlur(noise, (3, 3), 0), [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def _written(name: str, data: bytes) -> str:
    path = Path(os.environ["DATA_DIR"], "private", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name


@contextmanager
def measured(what: str) -> Iterator[list[float]]:
    """Print the seconds and by how much the peak of resident memory grew; the seconds are in the list afterwards."""
    took: list[Any] = []
    before, start = _peak(), time.perf_counter()
    yield took
    took.append(time.perf_counter() - start)
    print(f"{what}: {took[0]:.1f} s, memory +{(_peak() - before) / 1024:.0f} MB", flush=True)


def _peak() -> float:
    """Of resident memory, in kilobytes."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
