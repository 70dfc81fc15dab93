"""A photo that somebody called indecent or under age: in nothing that is made of data sets until it is opened again."""

import csv
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage

from collector.models import Photo, Tombstone
from labeling.models import MaskedFace
from labeling.services import hidden_settle, photo_reopen, review_record
from operations.jobs import running
from operations.models import Job
from tests.training.planted import read, work_all
from training.datasets import dataset_freeze, items_of
from training.exports.models import Export
from training.exports.services import export_request
from training.models import DatasetVersion, ModelVersion, PackShard
from training.pack_items import pack_items, prefix_of
from training.packing import dataset_pack
from training.strips import strips_of


@pytest.fixture
def judges(staff: Callable[[str], User]) -> list[User]:
    return [staff(name) for name in ("alice", "bob", "mary")]


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


def hide(photo: Photo, judges: list[User]) -> None:
    photo_reopen(photo=photo, reviewer=judges[0])
    review_record(photo=photo, reviewer=judges[1], verdict="reject", reason="indecent")
    photo.refresh_from_db()
    assert photo.state == Photo.State.HIDDEN


def accept_again(photo: Photo, judges: list[User]) -> None:
    hidden_settle(photo=photo, reviewer=judges[0], remove=False)
    for judge in (judges[0], judges[2]):
        review_record(photo=photo, reviewer=judge, verdict="match")
    photo.refresh_from_db()
    assert photo.state == Photo.State.ACCEPTED


def in_items(version: DatasetVersion, photo: Photo) -> tuple[bool, bool]:
    """Whether it is learned from, and whether it is packed."""
    packed = pack_items(version, "smiley", 48, bits=0, prefix=0)
    return items_of(version).filter(photo=photo).exists(), str(photo.pk) in {item.id for item in packed}


def in_export(export: Export, photo: Photo) -> bool:
    with tarfile.open(fileobj=io.BytesIO(read(export.file))) as tar:
        table = tar.extractfile(f"smielfy-{export}/samples.csv")
        assert table is not None
        rows = csv.DictReader(io.StringIO(table.read().decode()))
        return str(photo.pk) in {row["id"] for row in rows}


def in_manifest(version: DatasetVersion, photo: Photo) -> tuple[str, bool]:
    version.refresh_from_db()
    return str(version), str(photo.pk).encode() in read(version.manifest)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)  # erasing works on what is committed
def test_hidden_photo_is_in_nothing_and_comes_back_once_it_is_accepted_again(
    version: DatasetVersion,
    people: list[Photo],
    judges: list[User],
    register: Callable[..., ModelVersion],
    tmp_path: Any,
) -> None:
    photo = people[0]
    model = register(version)
    export, job = export_request(version=version, format="table", actor="system", announced=False)
    running.run(str(job.pk))
    export.refresh_from_db()
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    holding = [shard for shard in PackShard.objects.all() if shard.prefix == prefix_of(photo.pk, shard.bits)]
    former = [export.file, *(shard.file for shard in holding)]
    assert in_items(version, photo) == (True, True)
    assert in_export(export, photo)
    assert holding

    hide(photo, judges)
    assert in_items(version, photo) == (False, False)
    work_all()
    assert [name for name in former if default_storage.exists(name)] == []
    assert not PackShard.objects.filter(file__in=former).exists()
    export.refresh_from_db()
    assert export.ready_at is not None
    assert not in_export(export, photo)
    assert in_manifest(version, photo) == ("1.r1", False)
    model.refresh_from_db()
    assert model.stale_since is None, "it was not taken back"
    assert not Tombstone.objects.exists()

    accept_again(photo, judges)
    assert in_items(version, photo) == (True, True)
    work_all()
    assert in_manifest(version, photo) == ("1.r2", True)
    assert dataset_freeze(actor="system") == (version, False)


def test_photo_that_was_in_no_version_costs_no_shard(
    version: DatasetVersion,
    accepted: Callable[..., Photo],
    judges: list[User],
    tmp_path: Any,
) -> None:
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    hide(accepted(), judges)
    assert not PackShard.objects.filter(ready_at=None).exists()
    assert not Job.objects.filter(kind="training.revise_dataset").exists()


def test_draft_loses_it(people: list[Photo], judges: list[User]) -> None:
    draft = DatasetVersion.objects.create(number=1, draft=True, photos=0, people=0, counts={})
    draft.items.create(photo=people[0], smiley=people[0].smiley, split="train")
    hide(people[0], judges)
    assert not draft.items.exists()
    assert not Job.objects.filter(kind="training.revise_dataset").exists()


def test_strips_show_it_no_more(
    version: DatasetVersion, judges: list[User], register: Callable[..., ModelVersion]
) -> None:
    model = register(version)
    photo = version.items.filter(split="test")[0].photo
    MaskedFace.objects.create(face=photo.faces.get(), style="ffp2", seed=1, image="a.jpg", alpha="a.png")
    assert strips_of(model).count() == 1
    hide(photo, judges)
    assert strips_of(model).count() == 0
