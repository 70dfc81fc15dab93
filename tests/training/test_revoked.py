"""Consent that is taken back without the photos: nothing is learned from them any more."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.models import Participant, Photo, Scope, Tombstone
from collector.selectors import consent_text_current
from collector.services import consent_change, consent_give, photo_withdraw
from operations.jobs import running
from operations.models import Job
from tests.collector.conftest import Browser
from training.datasets import dataset_freeze, items_of
from training.models import DatasetItem, DatasetVersion, ModelVersion
from training.packing import dataset_pack

pytestmark = pytest.mark.database


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


@pytest.fixture
def somebody(people: list[Photo]) -> Participant:
    return people[0].participant


def revoke(participant: Participant) -> None:
    consent_change(participant=participant, scope=Scope.TRAIN, allowed=False)


def agree_again(participant: Participant) -> None:
    text = consent_text_current("en")
    consent_give(participant=participant, text=text, scopes=Scope.values, age_affirmed=True)


def revise(version: DatasetVersion) -> None:
    running.run(str(Job.objects.get(kind="training.revise_dataset").pk))
    version.refresh_from_db()


def test_photos_leave_the_versions_they_are_in(
    version: DatasetVersion, somebody: Participant, private_folder: Path
) -> None:
    theirs = {str(pk) for pk in somebody.photos.values_list("pk", flat=True)}
    revoke(somebody)
    assert not DatasetItem.objects.filter(photo__participant=somebody).exists(), "at once"
    revise(version)
    lines = [json.loads(line) for line in (private_folder / version.manifest).read_text().splitlines()]
    assert (str(version), version.photos, len(lines)) == ("1.r1", 14, 14)
    assert not theirs & {line["photo"] for line in lines}
    stones = Tombstone.objects.values_list("photo_id", "dataset_versions")
    assert {str(photo): versions for photo, versions in stones} == {photo: [1] for photo in theirs}
    assert somebody.photos.count() == 2, "they are still theirs"


@pytest.mark.parametrize("way", ["api", "page"])
def test_both_ways_of_revoking_are_heard(version: DatasetVersion, somebody: Participant, way: str) -> None:
    browser = Browser(somebody)
    if way == "api":
        text = consent_text_current("en").pk
        answer = {"consent_text": text, "scopes": [], "age_affirmed": False}
        assert browser.post_json("/api/v1/consents/", answer).status_code == 201
    else:
        assert browser.post("/consent/change/", {"scope": "train", "allowed": "no"}).status_code == 302
    assert version.items.count() == 14


def test_models_become_stale_and_the_next_version_is_without_them(
    version: DatasetVersion, somebody: Participant, register: Callable[..., ModelVersion]
) -> None:
    model = register(version)
    revoke(somebody)
    model.refresh_from_db()
    assert model.stale_since
    agree_again(somebody)
    revise(version)
    assert dataset_freeze(actor="system") == (version, False), "what was revoked stays out"


def test_less_than_training_changes_nothing(version: DatasetVersion, somebody: Participant) -> None:
    consent_change(participant=somebody, scope=Scope.SHOW_AS_EXAMPLE, allowed=False)
    assert version.items.count() == 16
    assert not Tombstone.objects.exists()


def test_photos_can_be_withdrawn_afterwards(version: DatasetVersion, somebody: Participant) -> None:
    revoke(somebody)
    photo = somebody.photos.first()
    assert photo is not None
    stone = photo_withdraw(photo=photo, actor="participant")
    assert stone.dataset_versions == [1]
    assert not Photo.objects.filter(pk=photo.pk).exists()


def test_whatever_the_rows_say_only_what_is_allowed_is_given_out(
    version: DatasetVersion, people: list[Photo], tmp_path: Path
) -> None:
    from ml.data.manifest import read_packed

    photo = people[0]
    item = version.items.get(photo=photo)
    revoke(photo.participant)
    item.save(force_insert=True)  # as if a row had been forgotten
    assert photo.pk not in {one.photo_id for one in items_of(version)}
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    assert str(photo.pk) not in read_packed(tmp_path / "pack").ids.tolist()
