"""Withdrawing much, and many at once: it ends, it counts right, and it costs little."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from collector.models import Participant, Photo, Smiley, Tombstone
from collector.services import consent_change, participant_withdraw, photo_decided, photo_withdraw
from labeling.models import Analysis, Decision, Face, KeypointSet, MaskedFace, Review
from operations.models import AuditEvent, Job
from operations.problems import Problem
from training.datasets import dataset_freeze
from training.models import DatasetItem, DatasetVersion, ModelVersion, SplitAssignment, TrainingRun

from .test_withdrawal import newcomer

SLUGS = ("tongue", "grin", "kiss", "wink")

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def accepted(participant: Participant, count: int, *, first: int = 0) -> list[Photo]:
    """Photos as rows only, each accepted as the next smiley, with all that the rooms above make of one."""
    smileys = [Smiley.objects.get(slug=slug) for slug in SLUGS]
    consent = participant.consents.get()
    photos = Photo.objects.bulk_create(
        Photo(
            participant=participant,
            consent=consent,
            smiley=smileys[0],
            client_id=uuid.uuid4(),
            file=f"photos/2020/01/01/{uuid.uuid4()}.jpg",
            width=1,
            height=1,
            size=1,
        )
        for _ in range(count)
    )
    for number, photo in enumerate(photos):
        photo_decided(photo=photo, accepted_as=smileys[(first + number) % len(smileys)])
    numbers = ("x", "y", "width", "height", "score", "yaw", "pitch", "roll", "sharpness", "brightness")
    faces = Face.objects.bulk_create(
        Face(
            photo=photo,
            is_subject=True,
            crop=f"crops/2020/01/01/{uuid.uuid4()}.jpg",
            transform=[[1, 0, 0], [0, 1, 0]],
            **dict.fromkeys(numbers, 1.0),
        )
        for photo in photos
    )
    Analysis.objects.bulk_create(Analysis(photo=photo, perceptual_hash=1) for photo in photos)
    Decision.objects.bulk_create(Decision(photo=photo) for photo in photos)
    KeypointSet.objects.bulk_create(
        KeypointSet(face=face, source="mesh", points=[], visible=[]) for face in faces
    )
    MaskedFace.objects.bulk_create(
        MaskedFace(
            face=face, style="kn95", seed=1, image=f"masks/{face.pk}.jpg", alpha=f"masks/{face.pk}.png"
        )
        for face in faces
    )
    return photos


def versions_of(photos: list[Photo], numbers: tuple[int, ...] = (1, 2, 3)) -> None:
    """Put photos into data set versions with a model each: every photo into two of three."""
    for number in numbers:
        version, new = DatasetVersion.objects.get_or_create(
            number=number, defaults={"manifest": "", "photos": 1, "people": 1, "counts": {}}
        )
        if new:
            run = TrainingRun.objects.create(version=version, created_by="")
            ModelVersion.objects.create(
                task="smiley", number=number, run=run, artifact="", files={}, classes=[], metrics={}
            )
    DatasetItem.objects.bulk_create(
        DatasetItem(version_id=version, photo=photo, smiley_id=photo.smiley_id, split="train")
        for place, photo in enumerate(photos)
        for version in (numbers[place % len(numbers)], numbers[(place + 1) % len(numbers)])
    )


def at_once(works: list[Callable[[], Any]]) -> list[Exception]:
    """Do all of it at the same moment, each on a connection of its own; returns what was raised."""
    start = threading.Barrier(len(works))
    errors: list[Exception] = []

    def act(work: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait(30)
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return errors


def counts() -> dict[str, tuple[int, int]]:
    rows = Smiley.objects.filter(slug__in=SLUGS)
    return {row.slug: (row.accepted_count, row.accepted_people) for row in rows}


def counted() -> dict[str, tuple[int, int]]:
    """The same, from the photos themselves."""
    photos = {slug: Photo.objects.filter(accepted_as__slug=slug) for slug in SLUGS}
    return {
        slug: (mine.count(), mine.values("participant").distinct().count()) for slug, mine in photos.items()
    }


def test_twenty_people_who_withdraw_at_once_all_succeed() -> None:
    people = [newcomer() for _ in range(20)]
    stays = newcomer()
    versions_of(accepted(stays, 4))
    for number, person in enumerate(people):
        versions_of(accepted(person, 4, first=number))
    assert counts() == counted() == dict.fromkeys(SLUGS, (21, 21))
    works = [lambda p=person: participant_withdraw(participant=p, actor="participant") for person in people]

    assert at_once(works) == []

    assert list(Participant.objects.all()) == [stays]
    assert counts() == counted() == dict.fromkeys(SLUGS, (1, 1))
    assert Tombstone.objects.count() == 80
    assert DatasetItem.objects.count() == 8
    assert Job.objects.filter(kind="training.revise_dataset").count() == 3
    assert not ModelVersion.objects.filter(stale_since=None).exists()


def test_withdrawals_beside_decisions_and_a_freeze_all_succeed(private_folder: Any) -> None:
    leaving = [newcomer() for _ in range(6)]
    staying = [newcomer() for _ in range(4)]
    versions_of([photo for n, person in enumerate(leaving) for photo in accepted(person, 4, first=n)])
    decided = [accepted(person, 4, first=n) for n, person in enumerate(staying)]
    smileys = [Smiley.objects.get(slug=slug) for slug in SLUGS]

    def decide_anew(photos: list[Photo], first: int) -> None:
        for number, photo in enumerate(photos):
            photo_decided(photo=photo, accepted_as=smileys[(first + number) % 4])

    def freeze() -> None:
        try:
            dataset_freeze(actor="system")
        except Problem as problem:
            if problem.code != "freeze_waits":  # for the other one
                raise

    assert (
        at_once(
            [
                *(lambda p=person: participant_withdraw(participant=p, actor="") for person in leaving[:3]),
                *(
                    lambda p=person: [photo_withdraw(photo=photo, actor="") for photo in p.photos.all()]
                    for person in leaving[3:]
                ),
                *(lambda p=photos, n=n: decide_anew(p, n + 2) for n, photos in enumerate(decided)),
                *[freeze] * 2,
            ]
        )
        == []
    )
    assert counts() == counted()
    assert Photo.objects.count() == 16
    assert set(SplitAssignment.objects.values_list("participant", flat=True)) >= {p.pk for p in staying}
    assert {stone.photo_id for stone in Tombstone.objects.all()}.isdisjoint(
        DatasetItem.objects.values_list("photo_id", flat=True)
    )


def test_revoking_and_taking_back_at_once_both_succeed() -> None:
    """In two windows of one browser, say."""
    people = [newcomer() for _ in range(6)]
    photos = [accepted(person, 6, first=number) for number, person in enumerate(people)]
    versions_of([photo for mine in photos for photo in mine])
    assert (
        at_once(
            [
                *(lambda p=p: consent_change(participant=p, scope="train", allowed=False) for p in people),
                *(lambda m=mine: [photo_withdraw(photo=one, actor="") for one in m] for mine in photos),
            ]
        )
        == []
    )
    assert not Photo.objects.exists()
    assert not DatasetItem.objects.exists()
    assert Tombstone.objects.count() == 36


def test_withdrawing_a_hundred_photos_takes_less_than_a_query_each(staff: Any) -> None:
    person, other = newcomer(), newcomer()
    photos = accepted(person, 100)
    versions_of(photos)
    accepted(other, 1)
    alice = staff("alice")
    Review.objects.bulk_create(Review(photo=photo, reviewer=alice, verdict="match") for photo in photos)

    with CaptureQueriesContext(connection) as queries:
        assert participant_withdraw(participant=person, actor="participant") == 100
    work = [query for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(work) < 80, f"{len(work)} queries for 100 photos"

    for model in (Analysis, Face, KeypointSet, MaskedFace, Decision, Photo):
        assert model.objects.count() == 1, f"{model.__name__} of the other person alone"
    for model in (Review, DatasetItem):
        assert not model.objects.exists()
    assert counts() == counted()
    stones = dict(Tombstone.objects.values_list("photo_id", "dataset_versions"))
    assert stones.keys() == {photo.pk for photo in photos}
    assert [stones[photo.pk] for photo in photos[:3]] == [[1, 2], [2, 3], [1, 3]]
    assert {event.subject for event in AuditEvent.objects.filter(action="photo_withdrawn")} == {
        f"photo:{photo.pk}" for photo in photos
    }
    jobs = Job.objects.filter(kind="collector.erase_files")
    erased = [name for job in jobs for name in job.payload["names"]]
    assert len(erased) == len(set(erased)) == 400
    assert set(erased) >= {photo.file for photo in photos}


def test_files_are_erased_in_jobs_of_a_bounded_size() -> None:
    person = newcomer()
    photos = accepted(person, 501)
    participant_withdraw(participant=person, actor="participant")
    listed = [job.payload["names"] for job in Job.objects.filter(kind="collector.erase_files")]
    assert max(len(names) for names in listed) == 500
    assert {name for names in listed for name in names} >= {photo.file for photo in photos}
