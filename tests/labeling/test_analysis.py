"""What the detectors make of a photo: once, whoever asks, and never of one that was withdrawn."""

import threading
import uuid
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections, transaction
from PIL import Image

from collector.models import Photo, Smiley
from collector.services import photo_submit, photo_withdraw
from labeling.analysis import photo_analyse
from labeling.crops import crop_encode, crop_read
from labeling.models import Analysis, Face, KeypointSet
from labeling.signals import face_found
from operations.jobs import running
from operations.jobs.running import JobRefused
from operations.models import Job
from tests.collector.pictures import decoded, jpeg_of
from tests.operations.conftest import do_round

from .conftest import newcomer


def crops(folder: Path) -> list[Path]:
    return list((folder / "crops").rglob("*.jpg"))


def test_face_is_found_cropped_and_measured(photo: Photo, private_folder: Path) -> None:
    face = photo_analyse(photo_id=photo.pk)
    assert face is not None
    photo.refresh_from_db()
    assert (photo.state, photo.processed_at is not None) == (Photo.State.IN_REVIEW, True)
    # The astronaut's face, by eye: about (170, 60) to (280, 200).
    assert 140 < face.x < 200
    assert 30 < face.y < 120
    assert 70 < face.width < 170
    assert face.score > 0.5
    assert abs(face.yaw) < 45
    assert face.is_subject
    assert np.shape(face.transform) == (2, 3)
    (crop,) = crops(private_folder)
    assert decoded(crop.read_bytes()).size == (256, 256)
    points = KeypointSet.objects.get(face=face)
    assert (points.source, len(points.points), len(points.visible)) == ("mesh", 15, 15)
    nose = points.points[10]
    assert face.x < nose[0] < face.x + face.width
    assert face.y < nose[1] < face.y + face.height
    assert -(2**63) <= Analysis.objects.get().perceptual_hash < 2**63


def test_second_look_changes_nothing(photo: Photo, private_folder: Path) -> None:
    heard: list[Any] = []
    receiver = lambda face, **kwargs: heard.append(face)  # noqa: E731
    face_found.connect(receiver)
    first = photo_analyse(photo_id=photo.pk)
    assert photo_analyse(photo_id=photo.pk) is None
    assert heard == [first]
    assert Face.objects.count() == len(crops(private_folder)) == 1


def test_photo_without_a_face_says_so(smiley: Smiley, private_folder: Path, db: None) -> None:
    data = jpeg_of(Image.new("RGB", (300, 300), (90, 120, 150)))
    photo, _ = photo_submit(participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=data)
    assert photo_analyse(photo_id=photo.pk) is None
    photo.refresh_from_db()
    assert photo.state == Photo.State.NO_FACE
    assert not Face.objects.exists()
    assert crops(private_folder) == []
    assert "no_face" in Analysis.objects.get().flags


@pytest.mark.parametrize("damage", ["gone", "empty", "half"])
def test_file_that_cannot_be_read_is_refused_with_a_sentence(
    photo: Photo, private_folder: Path, damage: str
) -> None:
    path = private_folder / photo.file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.raises(JobRefused, match="cannot be read"):
        photo_analyse(photo_id=photo.pk)
    photo.refresh_from_db()
    assert photo.processed_at is None


def test_job_of_an_unreadable_photo_is_quarantined_with_the_reason(
    photo: Photo, private_folder: Path
) -> None:
    (private_folder / photo.file).write_bytes(b"")
    job = Job.objects.get(kind="labeling.analyse_photo")
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == Job.State.QUARANTINED
    assert "cannot be read" in job.error


def test_job_does_the_same(photo: Photo, private_folder: Path) -> None:
    job = Job.objects.get(kind="labeling.analyse_photo")
    assert job.queue == "media"
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    assert job.message.startswith("a face ")
    assert job.seconds
    assert Face.objects.count() == 1


def test_photo_that_is_gone_is_left_alone(db: None) -> None:
    assert photo_analyse(photo_id=uuid.uuid4()) is None


def test_photo_withdrawn_while_it_was_looked_at_leaves_nothing(
    photo: Photo, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_save = default_storage.save

    def save_and_withdraw(name: str, content: Any) -> str:
        saved = whole_save(name, content)
        photo_withdraw(photo=photo, actor="participant")
        return saved

    monkeypatch.setattr(default_storage, "save", save_and_withdraw)
    assert photo_analyse(photo_id=photo.pk) is None
    assert crops(private_folder) == []
    for model in (Face, Analysis, KeypointSet):
        assert not model.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_failure_around_the_commit_leaves_rows_and_crop_or_neither(
    astronaut_jpeg: bytes, private_folder: Path, smiley: Smiley, committed: bool
) -> None:
    photo, _ = photo_submit(
        participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg
    )

    def break_down() -> None:
        raise RuntimeError("at a bad moment")

    def hook(**kwargs: Any) -> None:
        (transaction.on_commit if committed else lambda work: work())(break_down)

    face_found.connect(hook)
    try:
        with pytest.raises(RuntimeError):
            photo_analyse(photo_id=photo.pk)
    finally:
        face_found.disconnect(hook)
    known = [private_folder / face.crop for face in Face.objects.all()]
    assert known == crops(private_folder)
    assert len(known) == committed


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_four_at_once_and_a_withdrawal_leave_all_or_nothing(
    astronaut_jpeg: bytes, private_folder: Path, smiley: Smiley
) -> None:
    for withdraw in (False, True):
        photo, _ = photo_submit(
            participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg
        )
        errors: list[Exception] = []
        start = threading.Barrier(5 if withdraw else 4)

        def act(work: Any, start: threading.Barrier = start, errors: list[Exception] = errors) -> None:
            try:
                start.wait()
                work()
            except JobRefused:
                pass  # the file went first
            except Exception as error:
                errors.append(error)
            finally:
                connections.close_all()

        works = [lambda photo=photo: photo_analyse(photo_id=photo.pk)] * 4
        if withdraw:
            works.append(lambda photo=photo: photo_withdraw(photo=photo, actor="participant"))
        threads = [threading.Thread(target=act, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        if withdraw:
            for job in Job.objects.filter(kind="collector.erase_files"):
                running.run(str(job.pk))
            assert not Face.objects.filter(photo=photo.pk).exists()
            assert len(crops(private_folder)) == 1, "that of the first photo alone"
        else:
            assert Face.objects.filter(photo=photo).count() == len(crops(private_folder)) == 1


def test_orphaned_crops_are_erased_once_old(photo: Photo, private_folder: Path) -> None:
    import os
    import time

    face = photo_analyse(photo_id=photo.pk)
    assert face
    known = private_folder / face.crop
    orphan = known.with_name(f"{uuid.uuid4()}.jpg")
    orphan.write_bytes(b"x")
    do_round("labeling.erase_orphans")
    assert orphan.exists()
    for path in (known, orphan):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    do_round("labeling.erase_orphans")
    assert known.exists()
    assert not orphan.exists()


def test_command_looks_at_what_no_worker_has_seen(photo: Photo, private_folder: Path, smiley: Smiley) -> None:
    blank = jpeg_of(Image.new("RGB", (100, 100)))
    others = [
        photo_submit(participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=blank)[0]
        for _ in range(2)
    ]
    (private_folder / others[0].file).unlink()
    out = StringIO()
    call_command("process_photos", stdout=out, stderr=out)
    assert "3 photos" in out.getvalue()
    assert "1 unreadable" in out.getvalue()
    assert "1 of all 2 photos have a face (50.0 %)" in out.getvalue()
    out = StringIO()
    call_command("process_photos", stdout=out, stderr=out)
    assert "1 photos" in out.getvalue(), "only the unreadable one is left"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_command_goes_on_while_workers_write(private_folder: Path, smiley: Smiley) -> None:
    """More photos than one page, and somebody else writing all the time."""
    from labeling.management.commands.process_photos import _waiting

    first = photo_submit(participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of())[0]
    rows = []
    for _ in range(1200):
        row = Photo.objects.get(pk=first.pk) if not rows else rows[0]
        copy = Photo(**{field.attname: getattr(row, field.attname) for field in Photo._meta.concrete_fields})
        copy.pk, copy.client_id = uuid.uuid4(), uuid.uuid4()
        rows.append(copy)
    Photo.objects.bulk_create(rows)

    def write_from_another_connection() -> None:
        try:
            Smiley.objects.filter(pk=smiley.pk).update(order=3)
        finally:
            connections.close_all()

    seen = set()
    for number, photo_id in enumerate(_waiting()):
        seen.add(photo_id)
        if number % 400 == 0:
            thread = threading.Thread(target=write_from_another_connection)
            thread.start()
            thread.join()
            Photo.objects.filter(pk=photo_id).update(state=Photo.State.NO_FACE)
    assert len(seen) == 1201


def test_crops_survive_storing(private_folder: Path) -> None:
    ramp = np.linspace(0, 255, 256, dtype=np.uint8)
    crop = np.stack(
        [np.tile(ramp, (256, 1)), np.tile(ramp[:, None], (1, 256)), np.full((256, 256), 90, np.uint8)], -1
    )
    (private_folder / "a.jpg").write_bytes(crop_encode(crop))
    stored = crop_read("a.jpg", 256)
    assert np.abs(stored.astype(int) - crop).mean() < 2, (
        "the channels are in the same order, and hardly changed"
    )
    assert crop_read("a.jpg", 48).shape == (48, 48, 3)
    (private_folder / "b.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="damaged"):
        crop_read("b.jpg", 48)
    with pytest.raises(FileNotFoundError):
        crop_read("c.jpg", 48)
