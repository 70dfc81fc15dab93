"""What freezing, packing and exporting 100,000 photos costs: seconds and memory, beside `tar` of the same files.

Each photo is a file of some 90 kB with a face, a crop, a masked variant and keypoints. All files leave memory before
they are copied, so that each way of doing it reads them from the disk. `--photos N` for another number, `--formats` for
some formats only. The last lines of packing are of one photo that was labelled anew: one shard.
"""

import argparse
import logging
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMATS = ("webdataset", "imagefolder", "coco", "parquet", "masked", "table", "kaggle")
#: What is in the file of a format that copies files; the others make other bytes of them.
_COPIED = {"masked": ("crops", "masks"), **dict.fromkeys(FORMATS[:4], ("photos",))}
_PHOTOS_EACH = 17
_CHUNK = 5000
_WARM = 200


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
    try:
        _measure(given.photos, given.formats)
    finally:
        shutil.rmtree(os.environ["DATA_DIR"], ignore_errors=True)


def _measure(photos: int, formats: list[str]) -> None:
    _apart(_fill, photos)
    _apart(_freeze)
    _apart(_pack)
    rates = {folders: _tar(folders) for folders in dict.fromkeys(map(_COPIED.get, formats)) if folders}
    for name in formats:
        _apart(_export, name, rates.get(_COPIED.get(name, ())))


def _apart(work: Callable[..., None], *arguments: Any) -> None:
    """In a process of its own, so that its memory is its own."""
    one = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    one.start()
    one.join()
    assert one.exitcode == 0


def _private() -> Path:
    return Path(os.environ["DATA_DIR"], "private")


def _tar(folders: tuple[str, ...]) -> float:
    """Bytes a second of `tar`, and, to be looked at, of the least that an export has to do."""
    with tempfile.TemporaryDirectory(dir=os.environ["DATA_DIR"]) as folder:
        _evict_from_memory()
        with measured(f"tar of {' and '.join(folders)}, synced", resource.RUSAGE_CHILDREN) as took:
            subprocess.run(["tar", "-cf", f"{folder}/x.tar", "-C", str(_private()), *folders], check=True)
            subprocess.run(["sync", f"{folder}/x.tar"], check=True)
        size = os.path.getsize(f"{folder}/x.tar")
        os.unlink(f"{folder}/x.tar")
        print(f"  {size / 1e6:,.0f} MB, {size / took[0] / 1e6:.0f} MB/s", flush=True)
        _evict_from_memory()
        _apart(_copied_and_hashed, folders, f"{folder}/x.tar")
    return float(size / took[0])


def _evict_from_memory() -> None:
    """Have everybody read the files from the disk, as where there are more of them than memory holds."""
    for folder, _, names in os.walk(_private()):
        for name in names:
            file = os.open(f"{folder}/{name}", os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def _copied_and_hashed(folders: tuple[str, ...], out: str) -> None:
    from training.exports.archive import Archive
    from training.exports.behind import WrittenBehind

    with measured("the same in Python with its SHA-256") as took, open(out, "x+b") as file:
        with WrittenBehind(file) as behind:
            archive = Archive(behind)
            for folder in folders:
                for path in (_private() / folder).glob("*/*"):
                    archive.add(path.name, path.read_bytes())
            archive.close()
        file.flush()
        os.fsync(file.fileno())
    print(f"  {behind.tell() / took[0] / 1e6:.0f} MB/s", flush=True)


def _freeze() -> None:
    from training.datasets import dataset_freeze
    from training.models import DatasetItem, DatasetVersion

    with measured("freeze"):
        version, _ = dataset_freeze(actor="bench")
    print(f"  {version.photos:,} photos of {version.people:,} people", flush=True)
    few = DatasetVersion.objects.create(
        number=2, sha256="x", manifest="", photos=0, people=0, counts={}, created_by="bench"
    )
    for item in version.items.order_by("pk")[:_WARM]:
        DatasetItem.objects.create(version=few, photo=item.photo, smiley=item.smiley, split=item.split)


def _pack() -> None:
    from collector.models import Photo, Smiley
    from collector.services import photo_decided
    from training.datasets import dataset_freeze
    from training.models import DatasetVersion

    version = DatasetVersion.objects.get(pk=1)
    print("packed at 48 pixels, by one process:")
    _pack_once(version, "all of it")
    _pack_once(version, "again")
    photo = Photo.objects.accepted().order_by("pk").first()
    assert photo is not None
    other = Smiley.objects.exclude(pk=photo.accepted_as_id).first()
    assert other is not None
    photo_decided(photo=photo, accepted_as=other)
    _pack_once(dataset_freeze(actor="bench")[0], "one photo labelled anew")


def _pack_once(version: Any, what: str) -> None:
    from ml.data.manifest import read_packed
    from training.models import PackShard
    from training.packing import dataset_pack

    before = set(PackShard.objects.exclude(ready_at=None).values_list("pk", flat=True))
    out = Path(os.environ["DATA_DIR"], "pack")
    with measured(f"  {what}"):
        dataset_pack(version=version, size=48, out=out)
    size = sum(path.stat().st_size for path in out.iterdir())
    shards = len(list(out.glob("*.npy")))
    written = set(PackShard.objects.exclude(ready_at=None).values_list("pk", flat=True)) - before
    photos = len(read_packed(out))
    print(
        f"    {photos:,} photos, {size / 1e6:,.0f} MB, {len(written)} of {shards} shards written", flush=True
    )
    shutil.rmtree(out)


def _export(name: str, tar: float | None) -> None:
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
    _evict_from_memory()
    with measured(name) as took:
        running.run(str(job.pk))
    export = Export.objects.get(pk=export.pk)
    assert export.ready_at is not None
    rate = export.size / took[0]
    beside = f": {rate / tar:.0%} of tar" if tar else ""
    print(
        f"  {export.photos:,} photos, {export.size / 1e6:,.0f} MB, {rate / 1e6:.0f} MB/s{beside}", flush=True
    )
    (_private() / export.file).unlink()
    export_remove(export=export, actor="bench")


def _fill(photos: int) -> None:
    from django.core.management import call_command
    from django.utils import timezone

    from collector.models import Consent, Participant, Photo, Smiley
    from collector.selectors import consent_text_current
    from labeling.models import CROP_SIZE, Face, KeypointSet, MaskedFace

    call_command("migrate", verbosity=0)
    picture, crop, alpha = _jpeg(500), _jpeg(CROP_SIZE), _png(CROP_SIZE)
    text, smileys, now = consent_text_current("en"), list(Smiley.objects.all()), timezone.now()
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
        masked: list[MaskedFace] = []
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
            image, mask = (
                _written(f"masks/{number // 1000:03}/{photo.pk}.{kind}", data)
                for kind, data in (("jpg", crop), ("png", alpha))
            )
            masked.append(
                MaskedFace(face=face, style="cloth", seed=1, parameters={}, image=image, alpha=mask)
            )
        for model, rows in ((Photo, made), (Face, faces), (KeypointSet, sets), (MaskedFace, masked)):
            model._default_manager.bulk_create(rows, batch_size=500)  # type: ignore[arg-type]


def _jpeg(side: int) -> bytes:
    import cv2
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", cv2.GaussianBlur(noise, (3, 3), 0), [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def _png(side: int) -> bytes:
    import cv2
    import numpy as np

    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (side // 2, side * 2 // 3), (side // 3, side // 4), 0, 0, 360, 255, -1)
    return bytes(cv2.imencode(".png", cv2.GaussianBlur(alpha, (5, 5), 0))[1])


def _written(name: str, data: bytes) -> str:
    path = Path(os.environ["DATA_DIR"], "private", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name


@contextmanager
def measured(what: str, who: int = resource.RUSAGE_SELF) -> Iterator[list[float]]:
    """Print the seconds, those of them that a processor worked, and by how much the peak of resident memory grew; the
    seconds are in the list afterwards."""
    took: list[Any] = []
    before, start = resource.getrusage(who), time.perf_counter()
    yield took
    took.append(time.perf_counter() - start)
    after = resource.getrusage(who)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    grew = (
        ""
        if who != resource.RUSAGE_SELF
        else f", memory +{(after.ru_maxrss - before.ru_maxrss) / 1024:.0f} MB"
    )
    print(f"{what}: {took[0]:.1f} s, {busy:.1f} s of a processor{grew}", flush=True)


if __name__ == "__main__":
    main()
