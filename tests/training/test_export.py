"""Taking one's data home: everything, nothing of anybody else's, and without keeping it in memory."""

import io
import json
import tracemalloc
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from collector.models import Participant, Photo
from collector.receipts import receipt_issue
from collector.services import photo_withdraw
from labeling.models import Face, MaskedFace, NearDuplicate, Review
from operations.models import AuditEvent
from tests.collector.conftest import Browser, problem
from tests.labeling.conftest import newcomer
from training.datasets import dataset_freeze
from training.export import participant_export
from training.models import ModelVersion, Prediction

EXPORT = "/api/v1/me/export/"


def unpacked(participant: Participant) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(participant_export(participant=participant))))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def known(
    accepted: Callable[..., Photo], register: Callable[..., ModelVersion], staff: Any, private_folder: Path
) -> Photo:
    """A photo of which the site knows all that it can."""
    photo, another, *_others = (accepted() for _ in range(3))
    NearDuplicate.of(photo, another, bits=2, difference=3.5).save()
    model = register(dataset_freeze(actor="system")[0])
    face = photo.faces.get()
    masked = default_storage.save("masks/one.jpg", ContentFile(b"a masked face"))
    MaskedFace.objects.create(face=face, style="ffp2", seed=7, image=masked, alpha=masked)
    Prediction.objects.create(
        face=face, model=model, smiley=photo.smiley, share=0.5, distribution={"wink": 0.5}
    )
    Review.objects.create(photo=photo, reviewer=staff("judge-judy"), verdict="unclear", kind="recheck")
    return Photo.objects.get(pk=photo.pk)


def test_everything_is_in_it(known: Photo) -> None:
    code = receipt_issue(participant=known.participant)
    archive = unpacked(known.participant)
    folder = f"photos/{known.created_at:%Y-%m-%d} {known.smiley.slug} {known.pk}"
    assert set(archive.namelist()) == {
        "about.json",
        f"{folder}/photo.jpg",
        f"{folder}/face-1.jpg",
        f"{folder}/face-1-ffp2-7.jpg",
        f"{folder}/photo.json",
    }
    for name, kept in (("photo.jpg", known.file), ("face-1.jpg", known.faces.get().crop)):
        with default_storage.open(kept) as file:
            assert archive.read(f"{folder}/{name}") == file.read()
    about = json.loads(archive.read("about.json"))
    assert about["participant"] == str(known.participant_id)
    (consent,) = about["consents"]
    assert consent["scopes"] == ["train", "show_as_example", "share_in_release"]
    assert consent["text"]["body"][0]["plain"]
    assert about["split"]["name"] in ("train", "validation", "test")
    assert about["receipt_code_issued_at"]
    assert code.encode() not in archive.read("about.json")

    facts = json.loads(archive.read(f"{folder}/photo.json"))
    assert (facts["id"], facts["smiley"], facts["sha256"]) == (
        str(known.pk),
        known.smiley.slug,
        known.sha256,
    )
    (face,) = facts["faces"]
    assert face["box"] == known.faces.get().box
    assert [made["smiley"] for made in face["predictions"]] == [known.smiley.slug]
    assert [masked["style"] for masked in face["masked"]] == ["ffp2"]
    assert facts["decision"]["outcome"] == "accepted"
    assert [version["number"] for version in facts["dataset_versions"]] == [1]
    assert {review["verdict"] for review in facts["reviews"]} >= {"unclear"}
    assert [pair["bits"] for pair in facts["near_duplicates"]] == [2]


def test_no_column_of_a_persons_rows_is_forgotten(known: Photo) -> None:
    """A new column of these tables has to be exported, or named here with its reason."""
    left_out = {
        # Names of files on our disk. The pictures are exported; the mask's alpha is what differs between two of them.
        *(("photo", "file"), ("face", "crop"), ("maskedface", "image"), ("maskedface", "alpha")),
        # The reviewer is somebody else, and theirs is not ours to give away.
        *(("review", name) for name in ("reviewer", "mode", "seconds", "revealed_at")),
        # Parts of the hash, which is exported, and notes for the workers.
        *(("analysis", name) for name in (*(f"band_{band}" for band in range(5)), "compared", "crowded")),
    }
    named = {
        "photo": {
            "id": "id",
            "participant": None,
            "import_batch": None,
            "created_at": "sent_at",
            "size": "bytes",
        },
        "face": {
            "photo": None,
            "created_at": "found_at",
            **dict.fromkeys(("x", "y", "width", "height"), "box"),
        },
        "maskedface": {"id": None, "face": None, "created_at": "at"},
        "prediction": {"id": None, "face": None, "created_at": "at"},
        "keypointset": {"id": None, "face": None, "created_at": "at"},
        "review": {"id": None, "photo": None, "created_at": "at"},
        "decision": {"photo": None, "imported_as": None, "changed_at": "at"},
        "analysis": {"photo": None, "analysed_at": "at"},
        # Of a pair the other photo is told, where it is one's own.
        "nearduplicate": {"id": None, "other": None, "found_at": "at"},
    }
    archive = unpacked(known.participant)
    facts = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith("photo.json"))))
    face = facts["faces"][0]
    shown = {
        "photo": facts,
        "face": face,
        "maskedface": face["masked"][0],
        "prediction": face["predictions"][0],
        "keypointset": (face["keypoints"] or [dict.fromkeys(("source", "points", "visible", "at"))])[0],
        "review": facts["reviews"][0],
        "decision": facts["decision"],
        "nearduplicate": facts["near_duplicates"][0],
        "analysis": facts["analysis"] or dict.fromkeys(("flags", "perceptual_hash", "at")),
    }
    models = {model._meta.model_name: model for model in (Photo, Face, *_related())}
    for model_name, keys in shown.items():
        for field in models[model_name]._meta.concrete_fields:
            if (model_name, field.name) in left_out:
                continue
            key = named[model_name].get(field.name, field.name)
            assert key is None or key in keys, f"{model_name}.{field.name} is in no export"


def _related() -> list[Any]:
    from labeling.models import Analysis, Decision, KeypointSet

    return [Analysis, Decision, KeypointSet, MaskedFace, NearDuplicate, Prediction, Review]


def test_nothing_of_anybody_else_is_in_it(known: Photo, staff: Any) -> None:
    mine = known.participant
    archive = unpacked(mine)
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode("latin-1")
    everything += " ".join(archive.namelist())
    for other in Photo.objects.exclude(participant=mine):
        assert str(other.pk) not in everything
        assert str(other.participant_id) not in everything
    assert "judge-judy" not in everything


def test_somebody_without_photos_gets_what_there_is(db: None) -> None:
    assert unpacked(newcomer()).namelist() == ["about.json"]


def test_what_is_withdrawn_meanwhile_is_left_out(
    accepted: Callable[..., Photo], private_folder: Path
) -> None:
    person = newcomer()
    photos = [accepted(participant=person) for _ in range(3)]
    pieces = participant_export(participant=person)
    begun = next(pieces)
    default_storage.delete(photos[1].file)
    photo_withdraw(photo=photos[2], actor="participant")
    archive = zipfile.ZipFile(io.BytesIO(begun + b"".join(pieces)))
    assert archive.testzip() is None
    assert any(str(photos[0].pk) in name and name.endswith("photo.jpg") for name in archive.namelist())
    assert not any(str(photos[1].pk) in name and name.endswith("photo.jpg") for name in archive.namelist())


def test_memory_does_not_grow_with_the_number_of_photos(
    accepted: Callable[..., Photo], private_folder: Path
) -> None:
    person = newcomer()
    photo = accepted(participant=person)
    size = 300_000
    for _ in range(60):
        photo.pk, photo.client_id = uuid.uuid4(), uuid.uuid4()
        photo.file = default_storage.save(f"photos/{photo.pk}.jpg", ContentFile(b"x" * size))
        photo.save(force_insert=True)
    tracemalloc.start()
    sent = sum(len(piece) for piece in participant_export(participant=person))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent > 60 * size
    assert peak < sent / 6, f"{peak / 1e6:.1f} MB for {sent / 1e6:.1f} MB"


# --- through the API


def test_api_sends_it_as_a_file_that_no_cache_keeps(known: Photo) -> None:
    answer = Browser(known.participant).get(EXPORT)
    assert answer.status_code == 200
    assert answer.streaming
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="smielfy-')
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    event = AuditEvent.objects.get(action="data_exported")
    assert (event.actor, event.subject) == ("participant", f"participant:{known.participant_id}")


@pytest.mark.parametrize("accept", ["application/zip", "application/json", "text/html,*/*;q=0.8"])
def test_api_answers_whatever_is_accepted(participant: Participant, accept: str) -> None:
    answer = Browser(participant).get(EXPORT, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    b"".join(answer.streaming_content)


@pytest.mark.parametrize("accept", ["application/zip", "*/*"])
def test_it_is_for_participants_alone(db: None, accept: str) -> None:
    problem(Browser().get(EXPORT, headers={"Accept": accept}), 403, "consent_required")


def test_the_page_leads_there(known: Photo) -> None:
    assert f'href="{EXPORT}"' in Browser(known.participant).get("/photos/").content.decode()
