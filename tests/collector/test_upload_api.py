"""Uploads through the real API: what is refused leaves nothing, what is taken is clean, and there once."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from PIL import Image

from collector.intake import receive
from collector.intake.decoder import DecoderPool
from collector.models import Consent, ConsentText, Participant, Photo, Scope, Smiley
from collector.selectors import consent_text_current
from collector.services import consent_give, photo_submit
from collector.signals import photo_submitted
from operations.models import Job
from operations.problems import Problem
from operations.stores.objects import ObjectStore
from tests.conftest import ROOT
from tests.operations.conftest import do_round
from tests.storage import stored_by

from .conftest import Browser, problem, upload
from .pictures import (
    decoded,
    difference,
    encoded,
    exif,
    jpeg_of,
    oriented,
    png_header,
    png_of,
    quadrants,
    scene,
    with_scans,
)

PHOTOS = "/api/v1/photos/"
Kept = Callable[[], list[str]]


def fields(**changes: Any) -> dict[str, Any]:
    """A good upload, or one with changes; None leaves a field out."""
    whole = {"image": upload(jpeg_of()), "smiley": "tongue", "client_id": str(uuid.uuid4()), **changes}
    return {name: value for name, value in whole.items() if value is not None}


def frames(form: str) -> bytes:
    return encoded(scene(), form, save_all=True, append_images=[quadrants()], duration=100)


def large(kind: str, side: int) -> bytes:
    return encoded(Image.new("L", (side, side)), kind)


JPEG = jpeg_of()
BAD_PICTURES = {
    "empty": (b"", 422, "image_empty"),
    "one byte": (b"\xff", 415, "image_type"),
    "JPEG cut after its first bytes": (JPEG[:20], 422, "image_unreadable"),
    "JPEG cut in the middle": (JPEG[: len(JPEG) // 2], 422, "image_unreadable"),
    "JPEG cut in its pixels": (JPEG[:-300], 422, "image_unreadable"),
    "PNG cut in the middle": (png_of()[:-200], 422, "image_unreadable"),
    "WebP cut in the middle": (encoded(scene(), "WEBP")[:-100], 422, "image_unreadable"),
    "text named .jpg": (b"I am a picture, honestly.", 415, "image_type"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 415, "image_type"),
    "HTML": (b"<!doctype html><script>alert(1)</script>", 415, "image_type"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", 415, "image_type"),
    "GIF": (encoded(scene(), "GIF"), 415, "image_type"),
    "animated GIF": (frames("GIF"), 415, "image_type"),
    "BMP": (encoded(scene(), "BMP"), 415, "image_type"),
    "TIFF": (encoded(scene(), "TIFF"), 415, "image_type"),
    "ICO": (encoded(scene(), "ICO"), 415, "image_type"),
    "ZIP": (b"PK\x03\x04" + b"\0" * 100, 415, "image_type"),
    "sound": (b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 100, 415, "image_type"),
    "animated WebP": (frames("WEBP"), 422, "image_animated"),
    "animated PNG": (frames("PNG"), 422, "image_animated"),
    "PNG that claims 50,000 × 50,000": (png_header(50_000, 50_000), 422, "image_dimensions"),
    "PNG with too many pixels": (large("PNG", 5000), 422, "image_dimensions"),
    "JPEG with too many pixels": (large("JPEG", 5000), 422, "image_dimensions"),
    "10,000 × 10": (png_of(Image.new("RGB", (10_000, 10))), 422, "image_dimensions"),
    "1 × 1": (png_of(Image.new("RGB", (1, 1))), 422, "image_too_small"),
    "JPEG with thousands of scans": (with_scans(jpeg_of(progressive=True), 3000), 422, "image_scans"),
    "9 MB": (JPEG + os.urandom(9 * 2**20), 413, "image_too_large"),
    "a byte over 8 MB": (JPEG + b"\0" * (8 * 2**20 - len(JPEG) + 1), 413, "image_too_large"),
    "PNG whose header says nothing": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 422, "image_unreadable"),
}

BAD_FIELDS = {
    "the picture in another field": ({"image": None, "photo": upload(JPEG)}, 400, "image_missing"),
    "no picture": ({"image": None}, 400, "image_missing"),
    "the picture as text": ({"image": "data:image/jpeg;base64,AAAA"}, 400, "image_missing"),
    "two files": ({"another": upload(JPEG)}, 400, "bad_request"),
    "no smiley": ({"smiley": None}, 400, "smiley_unknown"),
    "a smiley that there is not": ({"smiley": "sneer"}, 400, "smiley_unknown"),
    "a smiley with a null": ({"smiley": "tongue\0"}, 400, "smiley_unknown"),
    "no client_id": ({"client_id": None}, 400, "client_id_missing"),
    "a client_id that is none": ({"client_id": "42"}, 400, "client_id_missing"),
    "a client_id with a null": ({"client_id": "\0"}, 400, "client_id_missing"),
    "a text of 2 MB": ({"smiley": "x" * 2 * 2**20}, 400, "bad_request"),
    "a hundred fields too many": ({f"field{number}": "x" for number in range(1100)}, 400, "bad_request"),
}


@pytest.mark.parametrize(("data", "status", "code"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_bad_picture_is_refused_and_leaves_nothing(
    browser: Browser, kept: Kept, data: bytes, status: int, code: str
) -> None:
    problem(browser.post(PHOTOS, fields(image=upload(data))), status, code)
    assert not Photo.objects.exists()
    assert not Job.objects.exists()
    assert kept() == []


@pytest.mark.database
@pytest.mark.parametrize(("changes", "status", "code"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_bad_form_is_refused_and_leaves_nothing(
    browser: Browser, kept: Kept, changes: dict[str, Any], status: int, code: str
) -> None:
    for value in changes.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    problem(browser.post(PHOTOS, fields(**changes)), status, code)
    assert not Photo.objects.exists()
    assert kept() == []


def test_smiley_that_is_no_longer_offered_is_refused(browser: Browser, kept: Kept) -> None:
    Smiley.objects.filter(slug="tongue").update(active=False)
    problem(browser.post(PHOTOS, fields()), 400, "smiley_unknown")
    assert kept() == []


def test_without_consent_nothing_is_taken(stranger: Browser, kept: Kept) -> None:
    problem(stranger.post(PHOTOS, fields()), 403, "consent_required")
    assert kept() == []


@pytest.mark.parametrize(
    "cookie", ["", "x", "a:b:c", "ImFiYyI:1rX:AAAA", "56d3f4f6-f020-4c60-bb33-f931378536b1", "\x7f" * 4000]
)
def test_forged_cookie_is_no_consent(stranger: Browser, kept: Kept, cookie: str) -> None:
    stranger.csrf_token()
    stranger.client.cookies["__Host-participant"] = cookie
    problem(stranger.post(PHOTOS, fields()), 403, "consent_required")
    assert kept() == []


def test_after_revoking_nothing_is_taken(browser: Browser, participant: Participant, kept: Kept) -> None:
    consent_give(participant=participant, text=consent_text_current("en"), scopes=[], age_affirmed=False)
    problem(browser.post(PHOTOS, fields()), 403, "consent_revoked")
    assert kept() == []


def test_after_the_text_has_changed_nothing_is_taken(browser: Browser, kept: Kept) -> None:
    ConsentText.objects.create(version=2, language="en", body=[], sha256="0" * 64)
    problem(browser.post(PHOTOS, fields()), 403, "consent_outdated")
    assert kept() == []


def test_quota_holds_and_a_repeat_does_not_count(browser: Browser, settings: Any, kept: Kept) -> None:
    settings.PHOTOS_PER_DAY = 2
    first = fields()
    assert browser.post(PHOTOS, first).status_code == 201
    assert browser.post(PHOTOS, fields()).status_code == 201
    assert "2 photos" in problem(browser.post(PHOTOS, fields()), 429, "quota_reached")["detail"]
    first["image"].seek(0)
    assert browser.post(PHOTOS, first).status_code == 200
    Participant.objects.update(last_sent_on=timezone.now().date() - timedelta(days=1))
    assert [browser.post(PHOTOS, fields()).status_code for _ in range(3)] == [201, 201, 429]
    assert len(kept()) == Photo.objects.count() == 4


def test_when_all_decoders_are_busy_the_sender_comes_back_later(
    browser: Browser, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = DecoderPool(processes=0, seconds=5, megabytes=512, max_pixels=1, wait_seconds=0.01)
    sent = fields()
    with monkeypatch.context() as patch:
        patch.setattr(receive, "_pool", lambda: pool)
        answer = browser.post(PHOTOS, sent)
    problem(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "5"
    assert kept() == []
    sent["image"].seek(0)
    assert browser.post(PHOTOS, sent).status_code == 201


def test_taking_photos_back_frees_nothing_of_the_quota(browser: Browser, settings: Any, kept: Kept) -> None:
    settings.PHOTOS_PER_DAY = 2
    for _ in range(2):
        sent = browser.post(PHOTOS, fields())
        assert browser.request("DELETE", f"{PHOTOS}{sent.json()['id']}/").status_code == 204
    problem(browser.post(PHOTOS, fields()), 429, "quota_reached")


def test_what_is_refused_or_repeated_uses_nothing_of_the_quota(
    browser: Browser, settings: Any, kept: Kept
) -> None:
    settings.PHOTOS_PER_DAY = 1
    assert browser.post(PHOTOS, fields(image=upload(b"no picture"))).status_code == 415
    sent = fields()
    assert browser.post(PHOTOS, sent).status_code == 201
    sent["image"].seek(0)
    assert browser.post(PHOTOS, sent).status_code == 200
    assert Participant.objects.get().sent_that_day == 1


def test_without_csrf_token_nothing_is_taken(browser: Browser, kept: Kept) -> None:
    browser.csrf_token()
    problem(browser.post(PHOTOS, fields(), token=""), 403, "csrf_failed")
    problem(browser.post(PHOTOS, fields(), token="0" * 64), 403, "csrf_failed")
    foreign = {"Referer": "https://evil.example/"}
    problem(browser.post(PHOTOS, fields(), headers=foreign), 403, "csrf_failed")
    foreign = {"Origin": "https://evil.example"}
    problem(browser.post(PHOTOS, fields(), headers=foreign), 403, "csrf_failed")
    assert kept() == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(browser: Browser, method: str) -> None:
    problem(browser.request(method, PHOTOS), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "kind", ["application/json", "image/jpeg", "text/plain", "application/x-www-form-urlencoded"]
)
def test_other_content_types_are_refused(browser: Browser, kept: Kept, kind: str) -> None:
    problem(browser.post(PHOTOS, b"x=1", content_type=kind), 415, "unsupported_media_type")
    assert kept() == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 500])
def test_form_without_end_is_refused(browser: Browser, kept: Kept, kind: str) -> None:
    answer = browser.post(PHOTOS, b"--x\r\nContent-Disposition: form-data; name=", content_type=kind)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code == 400
    assert kept() == []


def test_plain_http_is_not_taken(browser: Browser, kept: Kept) -> None:
    token = browser.csrf_token()
    answer = browser.client.post(PHOTOS, fields(), headers={"X-CSRFToken": token})
    assert answer.status_code == 301
    assert answer.headers["Location"].startswith("https://")
    assert kept() == []


# --- what is taken


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_stored_upright_and_without_notes(browser: Browser, kept: Kept, orientation: int) -> None:
    sent = jpeg_of(
        oriented(quadrants(), orientation), exif=exif(orientation), comment=b"<script>alert(1)</script>"
    )
    assert b"<script>" in sent
    assert b"Camera maker" in sent
    answer = browser.post(PHOTOS, fields(image=upload(sent)))
    assert answer.status_code == 201, answer.content
    photo = Photo.objects.get(pk=answer.json()["id"])
    assert kept() == [photo.file]
    with default_storage.open(photo.file, "rb") as file:
        stored = file.read()
    for trace in (b"script", b"Camera maker", b"Exif"):
        assert trace not in stored
    assert difference(decoded(stored), quadrants()) < 5
    assert (photo.width, photo.height, photo.size) == (*quadrants().size, len(stored))


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "photo.php", "x" * 800 + ".jpg", "a\0b.jpg", "🙂.jpg"]
)
def test_name_of_the_file_means_nothing(browser: Browser, kept: Kept, name: str) -> None:
    picture = upload(JPEG, name="selfie.jpg")
    picture.__dict__["_name"] = name
    answer = browser.post(PHOTOS, fields(image=picture))
    if answer.status_code != 201:  # a part without a name is a text and no file
        assert name == ""
        problem(answer, 400, "image_missing")
        return
    photo = Photo.objects.get()
    assert kept() == [photo.file]
    assert photo.file.endswith(f"/{photo.pk}.jpg")


def test_polyglot_keeps_its_picture_only(browser: Browser) -> None:
    archive = b"PK\x03\x04 evil.exe PK\x01\x02 PK\x05\x06"
    assert browser.post(PHOTOS, fields(image=upload(JPEG + archive))).status_code == 201
    with default_storage.open(Photo.objects.get().file, "rb") as file:
        assert b"PK" not in file.read()


def test_answer_says_what_was_stored_and_where_it_is(browser: Browser, kept: Kept) -> None:
    sent = fields()
    answer = browser.post(PHOTOS, sent)
    body = answer.json()
    assert (body["client_id"], body["smiley"], body["state"]) == (sent["client_id"], "tongue", "received")
    assert browser.get(body["image"]).status_code == 200
    assert [photo["id"] for photo in browser.get(PHOTOS).json()["results"]] == [body["id"]]
    assert Job.objects.get().subject == body["id"]
    assert Job.objects.get().kind == "labeling.analyse_photo"


# --- once


def test_repeat_is_the_same_photo(browser: Browser, kept: Kept) -> None:
    sent = fields()
    first = browser.post(PHOTOS, sent)
    sent["image"].seek(0)
    again = browser.post(PHOTOS, sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(kept()) == Photo.objects.count() == Job.objects.count() == 1


def test_client_id_with_another_picture_is_a_mix_up(browser: Browser, kept: Kept) -> None:
    sent = fields()
    assert browser.post(PHOTOS, sent).status_code == 201
    other = fields(client_id=sent["client_id"], image=upload(png_of()))
    problem(browser.post(PHOTOS, other), 409, "client_id_reused")
    assert len(kept()) == Photo.objects.count() == 1


def test_client_ids_of_different_people_are_different(browser: Browser, kept: Kept) -> None:
    text = consent_text_current("en")
    other = consent_give(participant=None, text=text, scopes=["train"], age_affirmed=True).participant
    sent = fields()
    assert browser.post(PHOTOS, sent).status_code == 201
    sent["image"].seek(0)
    assert Browser(other).post(PHOTOS, sent).status_code == 201
    assert len(kept()) == Photo.objects.count() == 2


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("quota", [200, 1], ids=["", "with the last photo of the day"])
def test_eight_at_once_are_one_photo(kept: Kept, settings: Any, quota: int) -> None:
    settings.PHOTOS_PER_DAY = quota
    text = consent_text_current("en")
    participant = consent_give(participant=None, text=text, scopes=["train"], age_affirmed=True).participant
    client_id = uuid.uuid4()
    start = threading.Barrier(8)
    outcomes: list[Any] = []

    def send() -> None:
        try:
            smiley = Smiley.objects.get(slug="tongue")
            start.wait()
            outcomes.append(
                photo_submit(participant=participant, smiley=smiley, client_id=client_id, data=JPEG)
            )
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len({photo.pk for photo, _ in outcomes}) == 1
    assert sum(new for _, new in outcomes) == 1
    photo = Photo.objects.get()
    assert kept() == [photo.file]
    assert Job.objects.count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_quota_holds_for_uploads_at_once(kept: Kept, settings: Any) -> None:
    settings.PHOTOS_PER_DAY = 3
    text = consent_text_current("en")
    participant = consent_give(participant=None, text=text, scopes=["train"], age_affirmed=True).participant
    start = threading.Barrier(8)
    codes: list[str] = []

    def send() -> None:
        try:
            smiley = Smiley.objects.get(slug="tongue")
            start.wait()
            photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=JPEG)
            codes.append("")
        except Exception as error:
            codes.append(getattr(error, "code", repr(error)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [""] * 3 + ["quota_reached"] * 5
    assert len(kept()) == Photo.objects.count() == 3


# --- a full disk


def test_full_disk_is_told_and_leaves_nothing(
    browser: Browser, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sent = fields()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        answer = browser.post(PHOTOS, sent)
    assert "no room" in problem(answer, 507, "storage_full")["detail"]
    assert answer.headers["Retry-After"] == "60"
    assert kept() == []
    sent["image"].seek(0)
    assert browser.post(PHOTOS, sent).status_code == 201


def test_object_store_that_does_not_answer_is_told_and_the_photo_is_sent_again(
    browser: Browser, kept: Kept, object_server: str
) -> None:
    sent = fields()
    with stored_by(ObjectStore(f"s3://not-made?endpoint={object_server}")):
        answer = browser.post(PHOTOS, sent)
    assert "tried again" in problem(answer, 503, "storage_away")["detail"]
    assert not Photo.objects.exists()
    sent["image"].seek(0)
    assert browser.post(PHOTOS, sent).status_code == 201


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a disk cannot be filled up for PostgreSQL alone")
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_full_disk_of_the_database_is_told_and_leaves_nothing(
    photo_parts: dict[str, Any], kept: Kept
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # what other tests have left free would have to be filled first
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            with pytest.raises(Problem) as refusal:
                fill_up(photo_parts)
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")
    assert (refusal.value.code, refusal.value.status) == ("storage_full", 507)
    assert len(kept()) == Photo.objects.count()
    photo_submit(**photo_parts)


def fill_up(photo_parts: dict[str, Any]) -> None:
    """The database grows by whole pages: more than one photo may fit into its last ones."""
    for _ in range(50):
        photo_submit(**{**photo_parts, "client_id": uuid.uuid4()})


def test_another_fault_of_the_disk_is_no_full_disk(
    photo_parts: dict[str, Any], kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            photo_submit(**photo_parts)
    assert kept() == []


# --- crashes


def test_exception_before_the_commit_leaves_no_file(
    participant: Participant, smiley: Smiley, kept: Kept
) -> None:
    seen = []

    def break_down(**kwargs: Any) -> None:
        seen.extend(kept())
        raise RuntimeError("the database went away")

    photo_submitted.connect(break_down)
    try:
        with pytest.raises(RuntimeError):
            photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=JPEG)
    finally:
        photo_submitted.disconnect(break_down)
    assert len(seen) == 1, "the file has to be safe before the row is committed"
    assert kept() == []
    assert not Photo.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, IntegrityError])
def test_failure_after_the_commit_leaves_row_and_file(
    photo_parts: dict[str, Any], kept: Kept, failure: type[BaseException]
) -> None:
    """What is hooked on the commit runs when the row is there for good: its failure must not take the file."""

    def break_down() -> None:
        raise failure("too late")

    def hook(**kwargs: Any) -> None:
        transaction.on_commit(break_down)

    photo_submitted.connect(hook)
    try:
        with suppress(failure):
            photo_submit(**photo_parts)
    finally:
        photo_submitted.disconnect(hook)
    assert kept() == [Photo.objects.get().file]
    assert photo_submit(**photo_parts) == (Photo.objects.get(), False)


@pytest.fixture
def photo_parts(participant: Participant, smiley: Smiley) -> dict[str, Any]:
    return {"participant": participant, "smiley": smiley, "client_id": uuid.uuid4(), "data": JPEG}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_killed_before_the_commit_leaves_an_orphan_that_the_round_finds(
    kept: Kept, private_folder: Path
) -> None:
    """A real process, killed by SIGKILL between the file and the commit of its row."""
    text = consent_text_current("en")
    participant = consent_give(
        participant=None, text=text, scopes=Scope.values, age_affirmed=True
    ).participant
    smiley = Smiley.objects.get(slug="tongue")
    photo, _ = photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=JPEG)
    script = f"""
        import os, signal, sys, uuid
        import django
        django.setup()
        from collector.models import Participant, Smiley
        from collector.services import photo_submit
        from collector.signals import photo_submitted
        photo_submitted.connect(lambda **kwargs: os.kill(os.getpid(), signal.SIGKILL), weak=False)
        photo_submit(
            participant=Participant.objects.get(pk="{participant.pk}"),
            smiley=Smiley.objects.get(slug="tongue"),
            client_id=uuid.uuid4(),
            data=sys.stdin.buffer.read(),
        )
    """
    environment = {**os.environ, **database_of_this_test(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    data_dir = private_folder.parent
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        input=JPEG,
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(data_dir)},
        timeout=60,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert Photo.objects.count() == 1
    orphans = [name for name in kept() if name != photo.file]
    assert len(orphans) == 1
    do_round("collector.erase_orphans")
    assert len(kept()) == 2, "a young file's row may be about to be committed"
    long_ago = time.time() - settings.ORPHAN_HOURS * 3600 - 60
    for name in kept():
        os.utime(private_folder / name, (long_ago, long_ago))
    do_round("collector.erase_orphans")
    assert kept() == [photo.file]


def database_of_this_test() -> dict[str, str]:
    """The variable by which another process finds the tests' database."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return {"DATABASE_URL": f"sqlite:///{given['NAME']}"}
    user = f"{given['USER']}:{given['PASSWORD']}@" if given["USER"] else ""
    return {"DATABASE_URL": f"postgres://{user}{given['HOST']}:{given['PORT']}/{given['NAME']}"}


@pytest.mark.database
def test_consent_that_goes_while_the_picture_is_decoded_is_seen(
    participant: Participant, smiley: Smiley, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look at the consent and the commit lies the decoding, which may take seconds."""
    whole_save = default_storage.save

    def save_and_revoke(name: str, content: Any) -> str:
        saved = whole_save(name, content)
        consent_give(participant=participant, text=consent_text_current("en"), scopes=[], age_affirmed=True)
        return saved

    monkeypatch.setattr(default_storage, "save", save_and_revoke)
    with pytest.raises(Exception, match="taken your consent back"):
        photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=JPEG)
    assert kept() == []
    assert Consent.objects.count() == 2
