"""Taking photos back: what goes, what stays, and what happens when it comes at a bad moment."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.utils import timezone

from collector import participants
from collector.models import Consent, Participant, Photo, Scope, Smiley, Tombstone
from collector.selectors import consent_text_current
from collector.services import (
    consent_give,
    participant_withdraw,
    photo_decided,
    photo_processed,
    photo_submit,
    photo_withdraw,
)
from labeling.models import Analysis, Decision, Face, KeypointSet, Review
from labeling.services import review_record
from operations.jobs import running
from operations.models import AuditEvent, Job
from training.models import DatasetVersion, ModelVersion, Prediction, SplitAssignment, TrainingRun

from .conftest import Browser, problem
from .pictures import jpeg_of

Kept = Callable[[], list[str]]

# Committed for good, for erasing truncates the write-ahead log, which an open transaction would forbid.
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def run_jobs(kind: str = "collector.erase_files") -> int:
    """Do what the workers would do."""
    jobs = Job.objects.filter(kind=kind, state=Job.State.QUEUED)
    ids = [str(pk) for pk in jobs.values_list("pk", flat=True)]
    for job_id in ids:
        running.run(job_id)
    assert not Job.objects.filter(pk__in=ids).exclude(state=Job.State.DONE).exists()
    return len(ids)


def with_everything(photo: Photo, staff: Any) -> Face:
    """Give a photo all that the higher rooms make of it."""
    photo_processed(photo=photo, face_found=True)
    Analysis.objects.create(photo=photo, perceptual_hash=1)
    crop = default_storage.save(Face.crop_name(timezone.now()), ContentFile(b"crop"))
    numbers = dict.fromkeys(("x", "y", "width", "height", "score", "yaw", "pitch", "roll"), 1.0)
    face = Face.objects.create(
        photo=photo,
        is_subject=True,
        crop=crop,
        sharpness=1,
        brightness=1,
        transform=[1, 0, 0, 1, 0, 0],
        **numbers,
    )
    KeypointSet.objects.create(face=face, source="mesh", points=[[0, 0]] * 15, visible=[True] * 15)
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name, role="reviewer"), verdict="match")
    version = DatasetVersion.objects.create(
        number=1, sha256="", manifest="", photos=1, people=1, counts={}, created_by=""
    )
    run = TrainingRun.objects.create(version=version, created_by="")
    model = ModelVersion.objects.create(
        task="smiley", number=1, run=run, artifact="", files={}, classes=[], metrics={}
    )
    Prediction.objects.create(face=face, model=model, smiley=photo.smiley, share=1, distribution={})
    SplitAssignment.objects.create(participant=photo.participant, split="train")
    return face


def send(participant: Participant, slug: str = "tongue") -> Photo:
    smiley = Smiley.objects.get(slug=slug)
    return photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of())[0]


def newcomer() -> Participant:
    text = consent_text_current("en")
    return consent_give(participant=None, text=text, scopes=Scope.values, age_affirmed=True).participant


# --- one photo


def test_a_photo_goes_with_all_that_was_made_of_it(
    browser: Browser, photo: Photo, staff: Any, kept: Kept, smiley: Smiley
) -> None:
    face = with_everything(photo, staff)
    assert sorted(kept()) == sorted([photo.file, face.crop])
    smiley.refresh_from_db()
    assert smiley.accepted_count == 1

    assert browser.request("DELETE", f"/api/v1/photos/{photo.pk}/").status_code == 204

    for model in (Photo, Face, Analysis, KeypointSet, Review, Decision, Prediction):
        assert not model.objects.exists(), f"{model.__name__} is still there"
    smiley.refresh_from_db()
    assert smiley.accepted_count == 0
    assert run_jobs() == 2
    assert kept() == []
    assert Tombstone.objects.get().photo_id == photo.pk
    assert Participant.objects.exists()
    assert Consent.objects.exists()


def test_a_photo_that_is_gone_is_gone_for_everybody(browser: Browser, photo: Photo, kept: Kept) -> None:
    address = f"/api/v1/photos/{photo.pk}/"
    image = browser.get(address).json()["image"]
    assert browser.request("DELETE", address).status_code == 204
    problem(browser.get(address), 404, "not_found")
    problem(browser.request("DELETE", address), 404, "not_found")
    assert browser.get(image).status_code == 404
    assert browser.get("/api/v1/photos/").json()["results"] == []


def test_nobody_takes_back_what_somebody_else_gave(stranger: Browser, photo: Photo, kept: Kept) -> None:
    problem(stranger.request("DELETE", f"/api/v1/photos/{photo.pk}/"), 403, "consent_required")
    stranger.become(newcomer())
    problem(stranger.request("DELETE", f"/api/v1/photos/{photo.pk}/"), 404, "not_found")
    assert kept() == [photo.file]


def test_taking_back_needs_the_csrf_token(browser: Browser, photo: Photo) -> None:
    problem(browser.request("DELETE", f"/api/v1/photos/{photo.pk}/", token=""), 403, "csrf_failed")
    problem(browser.post("/api/v1/withdrawal/", token=""), 403, "csrf_failed")
    assert Photo.objects.exists()


def test_withdrawal_is_in_the_audit_log_without_the_person(browser: Browser, photo: Photo) -> None:
    browser.request("DELETE", f"/api/v1/photos/{photo.pk}/")
    event = AuditEvent.objects.get(action="photo_withdrawn")
    assert (event.actor, event.subject) == ("participant", f"photo:{photo.pk}")


def test_file_that_is_gone_already_does_not_stop_the_erasing(photo: Photo, kept: Kept) -> None:
    default_storage.delete(photo.file)
    photo_withdraw(photo=photo, actor="participant")
    assert run_jobs() == 1


def test_erasing_twice_is_harmless(photo: Photo, kept: Kept) -> None:
    photo_withdraw(photo=photo, actor="participant")
    run_jobs()
    Job.objects.filter(kind="collector.erase_files").update(state=Job.State.QUEUED)
    assert run_jobs() == 1


# --- everything


def test_everything_goes(browser: Browser, participant: Participant, staff: Any, kept: Kept) -> None:
    photos = [send(participant, slug) for slug in ("tongue", "grin", "kiss")]
    with_everything(photos[0], staff)
    others = send(newcomer())

    answer = browser.post("/api/v1/withdrawal/")

    assert (answer.status_code, answer.json()) == (200, {"photos": 3})
    assert answer.cookies[participants.COOKIE].value == ""
    assert answer.cookies[participants.COOKIE]["max-age"] == 0
    assert answer.cookies[participants.COOKIE]["secure"]
    assert list(Photo.objects.all()) == [others]
    assert not Participant.objects.filter(pk=participant.pk).exists()
    assert not Consent.objects.filter(participant=participant.pk).exists()
    assert not SplitAssignment.objects.exists()
    run_jobs()
    assert kept() == [others.file]
    assert set(Tombstone.objects.values_list("photo_id", flat=True)) == {photo.pk for photo in photos}
    problem(browser.get("/api/v1/photos/"), 403, "consent_required")


def test_nothing_about_the_person_stays_anywhere(participant: Participant, staff: Any, kept: Kept) -> None:
    """No row of any table mentions them, but for the log of what was done, whose ids lead nowhere."""
    with_everything(send(participant), staff)
    participant_withdraw(participant=participant, actor="participant")
    run_jobs()
    allowed = {"operations_auditevent", "django_admin_log"}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = str(cursor.fetchall())
            if table not in allowed:
                assert str(participant.pk) not in rows, table
                assert participant.pk.hex not in rows, table


@pytest.mark.database
@pytest.mark.parametrize("what", ["photo", "participant"])
def test_two_clicks_at_once_are_one(kept: Kept, what: str) -> None:
    participant = newcomer()
    photo = send(participant)
    errors: list[Exception] = []
    start = threading.Barrier(4)

    def click() -> None:
        try:
            start.wait()
            if what == "photo":
                photo_withdraw(photo=photo, actor="participant")
            else:
                participant_withdraw(participant=participant, actor="participant")
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert AuditEvent.objects.filter(action="photo_withdrawn").count() == 1
    assert Tombstone.objects.count() == 1
    assert not Photo.objects.exists()


@pytest.mark.database
def test_upload_and_withdrawal_at_once_leave_nothing(kept: Kept) -> None:
    """Whoever comes first: in the end the person is gone, and so is every file of theirs."""
    for _ in range(6):
        participant = newcomer()
        start = threading.Barrier(2)
        unexpected: list[Exception] = []

        def upload(participant: Participant = participant, start: threading.Barrier = start) -> None:
            try:
                start.wait()
                send(participant)
            except Exception as error:
                if getattr(error, "code", "") != "consent_required":
                    unexpected.append(error)  # noqa: B023
            finally:
                connections.close_all()

        thread = threading.Thread(target=upload)
        thread.start()
        start.wait()
        participant_withdraw(participant=participant, actor="participant")
        thread.join()
        assert unexpected == []
        run_jobs()
        assert not Photo.objects.exists()
        assert kept() == []


# --- the public list


def test_tombstones_are_public_and_say_nothing_else(stranger: Browser, photo: Photo, kept: Kept) -> None:
    photo_withdraw(photo=photo, actor="participant")
    (stone,) = stranger.get("/api/v1/tombstones/").json()["results"]
    assert set(stone) == {"photo_id", "withdrawn_at", "dataset_versions", "scope"}
    assert stone["photo_id"] == str(photo.pk)


def test_list_of_tombstones_has_not_changed_until_one_comes(stranger: Browser) -> None:
    address = "/api/v1/tombstones/"
    for _ in range(2):
        etag = stranger.get(address).headers["ETag"]
        same = stranger.get(address, headers={"If-None-Match": etag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
        Tombstone.objects.create(photo_id=uuid.uuid4())
        assert stranger.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_tombstones_are_paged_oldest_first(stranger: Browser) -> None:
    now = timezone.now()
    # Many at the same moment, as when somebody takes everything back.
    stones = [
        Tombstone(photo_id=uuid.uuid4(), withdrawn_at=now + timedelta(hours=i // 900)) for i in range(2500)
    ]
    Tombstone.objects.bulk_create(stones)
    seen: list[str] = []
    address = "/api/v1/tombstones/"
    pages = 0
    while address:
        page = stranger.get(address).json()
        seen += [stone["photo_id"] for stone in page["results"]]
        address, pages = page["next"], pages + 1
    assert pages == 3
    assert len(seen) == 2500
    assert set(seen) == {str(stone.photo_id) for stone in stones}
    assert seen == [
        str(pk) for pk in Tombstone.objects.order_by("withdrawn_at", "pk").values_list("pk", flat=True)
    ]


# --- at a bad moment


def test_photo_that_was_withdrawn_is_not_marked_as_processed(photo: Photo) -> None:
    photo_withdraw(photo=photo, actor="participant")
    assert not photo_processed(photo=photo, face_found=True)


def test_count_of_accepted_photos_follows_every_change(photo: Photo, smiley: Smiley, kept: Kept) -> None:
    grin = Smiley.objects.get(slug="grin")

    def counts() -> tuple[int, int]:
        smiley.refresh_from_db()
        grin.refresh_from_db()
        return smiley.accepted_count, grin.accepted_count

    photo_decided(photo=photo, accepted_as=smiley)
    assert counts() == (1, 0)
    photo_decided(photo=photo, accepted_as=grin)
    assert counts() == (0, 1)
    photo_decided(photo=photo, accepted_as=None)
    assert counts() == (0, 0)
    photo_decided(photo=photo, accepted_as=grin)
    photo_decided(photo=photo, accepted_as=None, open_again=True)
    photo.refresh_from_db()
    assert (counts(), photo.state) == ((0, 0), Photo.State.RECEIVED)
    photo_decided(photo=photo, accepted_as=grin)
    photo_withdraw(photo=photo, actor="participant")
    assert counts() == (0, 0)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL sees to this by itself")
def test_nothing_withdrawn_stays_readable_in_the_database_file(kept: Kept, tmp_path: Path) -> None:
    participant = newcomer()
    photo = send(participant)
    trace = photo.sha256.encode()
    path = Path(connection.settings_dict["NAME"])

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))

    assert trace in on_disk()
    photo_withdraw(photo=photo, actor="participant")
    run_jobs()
    assert trace not in on_disk()
