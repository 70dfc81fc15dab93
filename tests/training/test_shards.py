"""The cache of packed pixels: what is there is used again, what changed is packed anew, and nothing twice."""

import errno
import logging
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone

from collector.models import Photo, Scope, Smiley
from collector.services import consent_change, photo_decided, photo_withdraw
from labeling.crops import crop_encode, crop_read
from labeling.models import Face
from ml.data.manifest import DataError, pack, read_packed
from operations.jobs import running
from operations.jobs.services import jobs_release_expired
from operations.models import Job
from tests.labeling.conftest import newcomer
from tests.operations.conftest import do_round
from training import shards
from training.datasets import dataset_freeze
from training.models import DatasetVersion, PackShard
from training.pack_items import prefix_of
from training.packing import dataset_pack

Accepted = Callable[..., Photo]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_LEAST", 2)
    monkeypatch.setattr(shards, "_MOST", 2)


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return freeze()


def freeze() -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "packs").rglob("*") if path.is_file()}


def packed() -> int:
    """How often a shard was written."""
    return Job.objects.filter(kind=shards.JOB, state=Job.State.DONE).count()


def test_what_is_read_is_what_the_crops_show(
    version: DatasetVersion, private_folder: Path, tmp_path: Path
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    data = read_packed(tmp_path / "pack", verify=True)
    assert 2 <= len(files(private_folder)) <= 8, "shards of two photos or so"
    items = list(version.items.select_related("photo", "smiley").order_by("photo_id"))
    crops = [Face.objects.get(photo=item.photo).crop for item in items]
    wanted = pack(
        images=np.stack([crop_read(name, 48) for name in crops]),
        labels=[item.smiley.slug for item in items],
        persons=[str(item.photo.participant_id) for item in items],
        splits=[item.split for item in items],
        ids=[str(item.photo_id) for item in items],
    )
    assert data.ids.tolist() == wanted.ids.tolist()
    assert np.array_equal(np.asarray(data.images), wanted.images)
    assert data.data_hash == wanted.data_hash


def test_only_what_changed_is_packed_again(
    version: DatasetVersion, people: list[Photo], private_folder: Path, tmp_path: Path
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "first")
    there, once = files(private_folder), packed()
    assert once == len(there)
    dataset_pack(version=version, size=48, out=tmp_path / "again")
    assert (files(private_folder), packed()) == (there, once), "nothing has changed"
    photo_decided(photo=people[0], accepted_as=Smiley.objects.get(slug="kiss"))
    dataset_pack(version=freeze(), size=48, out=tmp_path / "second")
    assert packed() == once + 1, "one photo was called otherwise"
    assert len(files(private_folder) - there) == 1
    data = read_packed(tmp_path / "second", verify=True)
    assert data.classes[data.labels[data.ids.tolist().index(str(people[0].pk))]] == "kiss"
    dataset_pack(version=version, size=48, out=tmp_path / "former")
    assert packed() == once + 1, "what the former version needs is kept"


def test_pack_that_was_ended_goes_on_where_it_stopped(
    version: DatasetVersion, private_folder: Path, tmp_path: Path
) -> None:
    class Ended(BaseException):
        pass

    def watch() -> None:
        if len(files(private_folder)) == 2:
            raise Ended

    with pytest.raises(Ended):
        dataset_pack(version=version, size=48, out=tmp_path / "pack", watch=watch)
    assert not (tmp_path / "pack").exists()
    first = files(private_folder)
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    assert first < files(private_folder)
    assert packed() == len(files(private_folder))
    assert len(read_packed(tmp_path / "pack", verify=True)) == 16


def test_half_a_shard_of_a_worker_that_was_killed_is_never_used(
    version: DatasetVersion, private_folder: Path, tmp_path: Path
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "first")
    shard = PackShard.objects.exclude(file="").first()
    assert shard is not None
    # Killed after its file got its name and before its row says so, or in the middle of writing it.
    PackShard.objects.filter(pk=shard.pk).update(ready_at=None)
    half = private_folder / shard.file
    half.with_name(f".{half.name}.part").write_bytes(b"half")
    died = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(subject=shard.pk).update(state=Job.State.RUNNING, attempts=1, lease_until=died)
    jobs_release_expired()
    dataset_pack(version=version, size=48, out=tmp_path / "second")
    assert not half.exists()
    assert not half.with_name(f".{half.name}.part").exists()
    assert files(private_folder) == {
        Path(name).name for name in PackShard.objects.values_list("file", flat=True)
    }


def test_damaged_shard_is_named_and_packed_anew(
    version: DatasetVersion, private_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "first")
    shard, lost, *_ = PackShard.objects.order_by("prefix")
    whole = (private_folder / shard.file).read_bytes()
    (private_folder / shard.file).unlink()  # a copy: the first pack shares the file
    (private_folder / shard.file).write_bytes(whole[:-9] + b"!" + whole[-8:])
    (private_folder / lost.file).unlink()
    with caplog.at_level(logging.ERROR):
        dataset_pack(version=version, size=48, out=tmp_path / "second")
    assert {record.file for record in caplog.records} == {shard.file, lost.file}
    first, second = (read_packed(tmp_path / name, verify=True) for name in ("first", "second"))
    assert first.data_hash == second.data_hash
    assert not (private_folder / shard.file).exists()


def test_where_packs_lie_on_another_disk_they_are_copied(
    version: DatasetVersion, private_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    assert len(read_packed(tmp_path / "pack", verify=True)) == 16


def test_photo_whose_points_were_placed_anew_is_packed_anew(
    accepted: Accepted, private_folder: Path, tmp_path: Path
) -> None:
    from labeling.models import KeypointSet

    for _ in range(6):
        face = Face.objects.get(photo=accepted("tongue", newcomer()))
        KeypointSet.objects.create(face=face, source="mesh", points=[[9.0, 9]] * 15, visible=[True] * 15)
    version = freeze()
    dataset_pack(version=version, task="keypoints", size=96, out=tmp_path / "first")
    once = packed()
    KeypointSet.objects.create(face=face, source="human", points=[[30.0, 9]] * 15, visible=[True] * 15)
    dataset_pack(version=version, task="keypoints", size=96, out=tmp_path / "second")
    assert packed() == once + 1
    do_round("training.tidy_packs")
    assert len(files(private_folder)) == once, "what the version used before is gone"


def test_shards_of_the_last_two_versions_are_kept(
    version: DatasetVersion, people: list[Photo], private_folder: Path, tmp_path: Path
) -> None:
    sets = []
    for slug in ("tongue", "kiss", "wink"):
        photo_decided(photo=people[0], accepted_as=Smiley.objects.get(slug=slug))
        dataset_pack(version=freeze(), size=48, out=tmp_path / slug)
        sets.append(files(private_folder))
    do_round("training.tidy_packs")
    assert files(private_folder) == sets[2], "a training may be about to take them"
    PackShard.objects.update(used_at=timezone.now() - timedelta(hours=2))
    do_round("training.tidy_packs")
    assert len(files(private_folder)) == len(sets[2]) - 1 == PackShard.objects.count()


def test_shards_that_are_waited_for_are_kept_however_long_it_takes(
    version: DatasetVersion,
    people: list[Photo],
    private_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for slug in ("kiss", "wink"):
        photo_decided(photo=people[0], accepted_as=Smiley.objects.get(slug=slug))
        freeze()
    monkeypatch.setattr(shards, "_USED_SECONDS", 0.0)
    aged: list[bool] = []

    def watch() -> None:
        """After the first shard more than an hour goes by; the round comes by after the second."""
        ready = PackShard.objects.exclude(ready_at=None).count()
        if ready == 1 and not aged:
            aged.append(bool(PackShard.objects.update(used_at=timezone.now() - timedelta(hours=2))))
        elif ready == 2:
            do_round("training.tidy_packs")

    dataset_pack(version=version, size=48, out=tmp_path / "pack", watch=watch)
    assert packed() == len(files(private_folder)), "none was written twice"


@pytest.mark.parametrize("way", ["withdrawn", "revoked"])
def test_shards_of_photos_that_are_not_learned_from_any_more_are_erased(
    version: DatasetVersion, people: list[Photo], private_folder: Path, tmp_path: Path, way: str
) -> None:
    somebody = people[0].participant
    theirs = list(somebody.photos.all())
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    holding = [
        shard
        for shard in PackShard.objects.all()
        if shard.prefix in {prefix_of(photo.pk, shard.bits) for photo in theirs}
    ]
    others = PackShard.objects.count() - len(holding)
    if way == "withdrawn":
        for photo in theirs:
            photo_withdraw(photo=photo, actor="participant")
    else:
        consent_change(participant=somebody, scope=Scope.TRAIN, allowed=False)
    for job in Job.objects.filter(kind="collector.erase_files", state=Job.State.QUEUED):
        running.run(str(job.pk))
    assert holding
    assert not [shard for shard in holding if (private_folder / shard.file).exists()]
    assert PackShard.objects.filter(changed=False).count() == others


def test_file_that_no_row_knows_is_erased(
    private_folder: Path, version: DatasetVersion, tmp_path: Path
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    there = files(private_folder)
    default_storage.save("packs/smiley-48/stray.npy", ContentFile(b"x"))
    old = (timezone.now() - timedelta(days=30)).timestamp()
    for path in (private_folder / "packs" / "smiley-48").iterdir():
        os.utime(path, (old, old))
    do_round("training.erase_orphans")
    assert files(private_folder) == there


@pytest.mark.parametrize("damage", [b"no picture", b""])
def test_shard_with_a_damaged_picture_ends_the_pack_at_once(
    version: DatasetVersion, private_folder: Path, tmp_path: Path, damage: bytes
) -> None:
    for name in Face.objects.values_list("crop", flat=True):
        (private_folder / name).write_bytes(damage)
    with pytest.raises(RuntimeError, match="is damaged"):
        dataset_pack(version=version, size=48, out=tmp_path / "pack")
    refused = Job.objects.filter(kind=shards.JOB, state=Job.State.QUARANTINED)
    assert {job.attempts for job in refused} == {1}


def test_shard_that_fails_again_and_again_ends_the_pack(
    version: DatasetVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> int:
        raise OSError("no space is left")

    def hurry() -> None:  # what failed is tried again after ten seconds and more
        Job.objects.filter(kind=shards.JOB).update(run_after=timezone.now())

    monkeypatch.setattr(shards, "_write", fail)
    with pytest.raises(RuntimeError, match="no space is left"):
        dataset_pack(version=version, size=48, out=tmp_path / "pack", watch=hurry)


def test_where_all_crops_are_lost_there_is_nothing_to_pack(
    version: DatasetVersion, private_folder: Path, tmp_path: Path
) -> None:
    for name in Face.objects.values_list("crop", flat=True):
        (private_folder / name).unlink()
    with pytest.raises(DataError, match="empty"):
        dataset_pack(version=version, size=48, out=tmp_path / "pack")


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_that_pack_at_once_write_no_shard_twice(
    people: list[Photo], private_folder: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    for face in Face.objects.all():
        (private_folder / face.crop).write_bytes(crop_encode(rng.integers(0, 256, (256, 256, 3), np.uint8)))
    version, failures = freeze(), []
    start = threading.Barrier(2)

    def work(name: str) -> None:
        try:
            start.wait(10)
            dataset_pack(version=version, size=48, out=tmp_path / name)
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    one, other = (read_packed(tmp_path / name, verify=True) for name in ("one", "other"))
    assert one.data_hash == other.data_hash
    written = [job.message for job in Job.objects.filter(kind=shards.JOB) if job.message]
    assert len(written) == len(files(private_folder)) == PackShard.objects.count()
    # One that was asked for when the other had just written its shard may wait still, for nothing.
    assert max(Job.objects.filter(kind=shards.JOB).values_list("attempts", flat=True)) == 1
