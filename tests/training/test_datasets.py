"""Data sets: frozen once, split by people for good, without what was withdrawn."""

import hashlib
import json
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.db import connections

from collector.models import Participant, Photo, Scope, Smiley, Tombstone
from collector.selectors import consent_text_current
from collector.services import consent_give, participant_withdraw, photo_decided, photo_withdraw
from labeling.models import Face
from operations.jobs import running
from operations.models import AuditEvent, Job
from operations.problems import Problem
from tests.labeling.conftest import newcomer
from training.datasets import dataset_freeze, dataset_latest, dataset_revise
from training.manifests import parquet_of
from training.models import DatasetItem, DatasetVersion, ModelVersion, SplitAssignment
from training.promotion import model_promote

Accepted = Callable[..., Photo]


def freeze() -> DatasetVersion:
    return dataset_freeze(actor="staff:alice")[0]


def manifest(folder: Path, version: DatasetVersion) -> list[dict[str, str]]:
    content = (folder / version.manifest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == version.sha256
    lines = [json.loads(line) for line in content.splitlines()]
    parquet = pyarrow.parquet.ParquetFile(folder / parquet_of(version.manifest))
    assert parquet.read().to_pylist() == lines
    assert parquet.metadata.metadata[b"sha256"].decode() == version.sha256
    return lines


def revise() -> None:
    """Do the revisions that wait."""
    for job in Job.objects.filter(kind="training.revise_dataset", state=Job.State.QUEUED):
        running.run(str(job.pk))
        job.refresh_from_db()
        assert job.state == Job.State.DONE, job.error


# --- freezing


def test_all_accepted_photos_are_frozen_with_their_labels(people: list[Photo], private_folder: Path) -> None:
    version, new = dataset_freeze(actor="staff:alice")
    assert new
    lines = manifest(private_folder, version)
    assert {line["photo"] for line in lines} == {str(photo.pk) for photo in people}
    for line in lines:
        photo = Photo.objects.get(pk=line["photo"])
        assert (line["participant"], line["smiley"]) == (str(photo.participant_id), photo.accepted_as.slug)
    assert (version.number, version.revision, version.photos, version.people) == (1, 0, 16, 8)
    counted = sum(count for splits in version.counts.values() for count in splits.values())
    assert counted == version.items.count() == 16
    event = AuditEvent.objects.get(action="dataset_frozen")
    assert (event.actor, event.subject) == ("staff:alice", "dataset:1")


def test_where_nothing_changed_the_version_is_the_same(people: list[Photo]) -> None:
    first = freeze()
    again, new = dataset_freeze(actor="staff:bob")
    assert (again, new) == (first, False)
    assert DatasetVersion.objects.count() == AuditEvent.objects.filter(action="dataset_frozen").count() == 1


def test_same_photos_give_the_same_hash(people: list[Photo]) -> None:
    first = freeze()
    sha256 = first.sha256
    DatasetVersion.objects.all().delete()
    assert freeze().sha256 == sha256
    DatasetVersion.objects.all().delete()
    SplitAssignment.objects.all().delete()
    assert freeze().sha256 == sha256, "the splits follow from the people alone"


def test_without_an_accepted_photo_there_is_nothing_to_freeze(photo: Photo) -> None:
    with pytest.raises(Problem) as refusal:
        freeze()
    assert refusal.value.code == "nothing_accepted"
    assert not DatasetVersion.objects.exists()


def test_only_what_may_be_trained_on_and_has_a_face_is_frozen(
    accepted: Accepted, seen_photo: Accepted
) -> None:
    good = accepted()
    bystander = Face.objects.get(photo=good)
    bystander.pk, bystander.is_subject, bystander.crop = uuid.uuid4(), False, ""
    bystander.save(force_insert=True)
    seen_photo()  # not accepted
    faceless = accepted()
    Face.objects.filter(photo=faceless).delete()
    cropless = accepted()
    Face.objects.filter(photo=cropless).update(crop="")
    revoked = accepted()
    text = consent_text_current("en")
    consent_give(participant=revoked.participant, text=text, scopes=[], age_affirmed=False)
    names = {good: "good", faceless: "faceless", cropless: "cropless", revoked: "revoked"}
    assert [names[item.photo] for item in freeze().items.all()] == ["good"]


def test_new_label_is_a_new_version_and_the_old_one_stays(people: list[Photo], private_folder: Path) -> None:
    first = freeze()
    before = manifest(private_folder, first)
    photo_decided(photo=people[0], accepted_as=Smiley.objects.get(slug="kiss"))
    second = freeze()
    assert second.number == 2
    assert second.items.get(photo=people[0]).smiley.slug == "kiss"
    assert first.items.get(photo=people[0]).smiley.slug == "tongue"
    assert manifest(private_folder, first) == before


def test_everybody_stands_in_one_split_for_good(people: list[Photo], accepted: Accepted) -> None:
    freeze()
    before = dict(SplitAssignment.objects.values_list("participant_id", "split"))
    assert set(before.values()) == {"train", "validation", "test"}
    somebody = people[0].participant
    accepted("kiss", somebody)
    for _ in range(6):
        accepted(random.choice(["tongue", "kiss", "wink"]))
    freeze()
    after = dict(SplitAssignment.objects.values_list("participant_id", "split"))
    assert len(after) == 14
    assert {person: after[person] for person in before} == before
    for version in DatasetVersion.objects.all():
        splits: dict[Any, set[str]] = defaultdict(set)
        for item in version.items.select_related("photo"):
            splits[item.photo.participant_id].add(item.split)
            assert item.split == after[item.photo.participant_id]
        assert all(len(own) == 1 for own in splits.values())


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_freezes_at_once_are_one(people: list[Photo], private_folder: Path) -> None:
    start = threading.Barrier(4)
    outcomes: list[Any] = []

    def act() -> None:
        try:
            start.wait()
            outcomes.append(dataset_freeze(actor="system"))
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert {getattr(problem, "code", problem) for problem in problems} <= {"freeze_waits"}
    for job in Job.objects.filter(kind="training.freeze_dataset", state=Job.State.QUEUED):
        running.run(str(job.pk))
    assert len(manifest(private_folder, DatasetVersion.objects.get())) == 16


# --- withdrawal


def test_withdrawn_photo_leaves_its_versions_as_a_revision(
    people: list[Photo], accepted: Accepted, private_folder: Path
) -> None:
    first = freeze()
    accepted("kiss")
    second = freeze()
    former = first.manifest
    photo_id = people[0].pk
    photo_withdraw(photo=people[0], actor="participant")
    assert not DatasetItem.objects.filter(photo=photo_id).exists(), "it is gone at once, the manifest follows"
    revise()
    for version, count in ((first, 15), (second, 16)):
        version.refresh_from_db()
        assert (version.revision, version.photos, str(version)) == (1, count, f"{version.number}.r1")
        assert str(photo_id) not in {line["photo"] for line in manifest(private_folder, version)}
        assert sum(n for splits in version.counts.values() for n in splits.values()) == count
    assert Tombstone.objects.get(photo_id=photo_id).dataset_versions == [1, 2]
    assert former != first.manifest


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_former_manifest_goes(people: list[Photo], private_folder: Path) -> None:
    version = freeze()
    former = private_folder / version.manifest
    beside = private_folder / parquet_of(version.manifest)
    assert beside.is_file()
    assert former.is_file()
    photo_withdraw(photo=people[0], actor="participant")
    revise()
    for job in Job.objects.filter(kind="collector.erase_files"):
        running.run(str(job.pk))
    assert not former.exists()
    assert not beside.exists()
    version.refresh_from_db()
    assert (private_folder / version.manifest).is_file()


def test_person_who_goes_leaves_every_version(people: list[Photo], private_folder: Path) -> None:
    version = freeze()
    participant_withdraw(participant=people[0].participant, actor="participant")
    revise()
    version.refresh_from_db()
    assert (version.photos, version.people) == (14, 7)
    assert str(people[0].participant_id) not in (private_folder / version.manifest).read_text()
    assert {tuple(versions) for versions in Tombstone.objects.values_list("dataset_versions", flat=True)} == {
        (1,)
    }
    assert not SplitAssignment.objects.filter(participant=people[0].participant_id).exists()


def test_several_withdrawals_may_be_one_revision_and_repeats_are_none(people: list[Photo]) -> None:
    version = freeze()
    for photo in people[:3]:
        photo_withdraw(photo=photo, actor="participant")
    revise()
    version.refresh_from_db()
    assert (version.revision, version.photos) == (1, 13)
    dataset_revise(number=1)
    version.refresh_from_db()
    assert version.revision == 1
    photo_withdraw(photo=people[3], actor="participant")
    revise()
    version.refresh_from_db()
    assert str(version) == "1.r2"


def test_freezing_after_a_revision_finds_nothing_new(people: list[Photo]) -> None:
    version = freeze()
    photo_withdraw(photo=people[0], actor="participant")
    revise()
    assert dataset_freeze(actor="system") == (version, False)


def test_photo_that_was_in_no_version_leaves_none(people: list[Photo], accepted: Accepted) -> None:
    version = freeze()
    photo_withdraw(photo=accepted(), actor="participant")
    revise()
    version.refresh_from_db()
    assert version.revision == 0
    assert Tombstone.objects.get().dataset_versions == []


def test_models_that_learned_from_it_become_stale(
    people: list[Photo], accepted: Accepted, register: Callable[..., ModelVersion]
) -> None:
    first = freeze()
    model = register(first)
    other_version_photo = accepted("kiss")
    second = freeze()
    newer = register(second)
    photo_withdraw(photo=other_version_photo, actor="participant")
    model.refresh_from_db()
    newer.refresh_from_db()
    assert (model.stale_since, newer.stale_since is None) == (None, False)
    photo_withdraw(photo=people[0], actor="participant")
    model.refresh_from_db()
    assert model.stale_since
    with pytest.raises(Problem) as refusal:
        model_promote(model=model, actor="staff:alice")
    assert refusal.value.code == "model_stale"


def test_latest_is_the_newest_version(people: list[Photo], accepted: Accepted) -> None:
    with pytest.raises(Problem) as refusal:
        dataset_latest()
    assert refusal.value.code == "no_dataset"
    freeze()
    accepted("kiss")
    second = freeze()
    assert dataset_latest() == second


def test_consent_to_more_than_training_changes_nothing_here(people: list[Photo]) -> None:
    version = freeze()
    for participant in Participant.objects.all():
        text = consent_text_current("en")
        consent_give(participant=participant, text=text, scopes=Scope.values[:1], age_affirmed=True)
    assert dataset_freeze(actor="system") == (version, False)
    assert newcomer()
