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
from training.models import DatasetItem, DatasetVersion, Export, ModelVersion
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


# --- shared no more, and learnt from all the same


def released(version: DatasetVersion) -> Export:
    return Export.objects.create(version=version, format="table", release=True, licence="CC0", citation="us")


def unshare(participant: Participant) -> None:
    consent_change(participant=participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)


def told() -> dict[str, tuple[str, list[int]]]:
    stones = Tombstone.objects.values_list("photo_id", "scope", "dataset_versions")
    return {str(photo): (scope, versions) for photo, scope, versions in stones}


def test_whoever_ends_sharing_alone_is_told_to_who_holds_a_release(
    version: DatasetVersion, somebody: Participant
) -> None:
    released(version)
    theirs = [str(pk) for pk in somebody.photos.values_list("pk", flat=True)]
    unshare(somebody)
    assert told() == dict.fromkeys(theirs, ("releases", [1]))
    assert version.items.count() == 16
    assert not Job.objects.filter(kind="training.revise_dataset").exists(), "the version keeps them"
    listed = Browser().get("/api/v1/tombstones/").json()["results"]
    assert {(one["photo_id"], one["scope"]) for one in listed} == {(photo, "releases") for photo in theirs}


def test_what_was_in_no_release_needs_no_tombstone(version: DatasetVersion, somebody: Participant) -> None:
    unshare(somebody)
    assert told() == {}
    released(version)
    consent_change(participant=somebody, scope=Scope.SHOW_AS_EXAMPLE, allowed=False)
    assert told() == {}, "it was not shared when the release was asked for"


def test_later_withdrawal_says_that_it_is_gone_everywhere(
    version: DatasetVersion, somebody: Participant
) -> None:
    released(version)
    unshare(somebody)
    one, other = somebody.photos.order_by("pk")
    before = Tombstone.objects.get(pk=one.pk).withdrawn_at
    photo_withdraw(photo=one, actor="participant")
    stone = Tombstone.objects.get(pk=one.pk)
    assert (stone.scope, stone.dataset_versions) == ("everywhere", [1])
    assert stone.withdrawn_at > before, "so that it is read again by who reads what is new"
    assert told()[str(other.pk)] == ("releases", [1])
    revoke(somebody)
    assert told()[str(other.pk)] == ("everywhere", [1])


def test_sharing_again_does_not_call_back_what_was_told(
    version: DatasetVersion, somebody: Participant
) -> None:
    released(version)
    unshare(somebody)
    before = told()
    agree_again(somebody)
    unshare(somebody)
    assert told() == before


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
