"""Everything that the site holds of one participant, as a ZIP that is written while it is sent.

Nothing is collected first: one photo after the other goes through memory, whatever their number. No query is
left open meanwhile either, for somebody with a slow line would otherwise keep the database from erasing what
others withdraw; what is withdrawn while the file is on its way is left out from there on.
"""

import json
import uuid
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from django.core.files.storage import default_storage
from django.utils import timezone

from collector.models import Consent, Participant, Photo, Receipt
from labeling.models import Decision, Face
from labeling.selectors import near_duplicates
from operations.audit import audit_record

from .models import DatasetItem, LeftOut, SplitAssignment

_PHOTOS_AT_ONCE = 50
_CHUNK = 64 * 1024
_BEFORE_1980 = (1980, 1, 1, 0, 0, 0)  # what a ZIP says of a time when it is not told one


def participant_export(*, participant: Participant) -> Iterator[bytes]:
    """The ZIP's bytes: photos, crops and masked faces as they are kept, and the rest as JSON."""
    audit_record(actor="participant", action="data_exported", subject=f"participant:{participant.pk}")
    return _written(participant)


def _written(participant: Participant) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(cast(Any, sink), "w") as archive:
        archive.writestr("about.json", _json(_about(participant)))
        ids = list(
            Photo.objects.filter(participant=participant).order_by("created_at").values_list("pk", flat=True)
        )
        for start in range(0, len(ids), _PHOTOS_AT_ONCE):
            for photo in _photos(ids[start : start + _PHOTOS_AT_ONCE]):
                yield from _photo(archive, sink, photo)
    yield sink.taken()


def _photo(archive: zipfile.ZipFile, sink: "_Sink", photo: Photo) -> Iterator[bytes]:
    """A folder for each photo: its picture, what was made of it, and what is known."""
    folder = f"photos/{photo.created_at:%Y-%m-%d} {photo.smiley.slug} {photo.pk}"
    shown = (
        photo.state != Photo.State.HIDDEN
    )  # such a photo is given to nobody until a manager has seen to it
    if shown:
        yield from _file(archive, sink, f"{folder}/photo.jpg", photo.file)
    for number, face in enumerate(photo.faces.all() if shown else (), start=1):
        if face.crop:
            yield from _file(archive, sink, f"{folder}/face-{number}.jpg", face.crop)
        for masked in face.masked.all():
            yield from _file(
                archive, sink, f"{folder}/face-{number}-{masked.style}-{masked.seed}.jpg", masked.image
            )
    archive.writestr(f"{folder}/photo.json", _json(_facts(photo)))
    yield sink.taken()


def _file(archive: zipfile.ZipFile, sink: "_Sink", name: str, stored: str) -> Iterator[bytes]:
    try:
        file = default_storage.open(stored, "rb")
    except FileNotFoundError:  # withdrawn at this moment
        return
    # Stored as it is: a JPEG gets no smaller.
    with file, archive.open(zipfile.ZipInfo(name, _BEFORE_1980), "w", force_zip64=True) as entry:
        while chunk := file.read(_CHUNK):
            entry.write(chunk)
            yield sink.taken()


def _photos(ids: list[uuid.UUID]) -> list[Photo]:
    photos = (
        Photo.objects.filter(pk__in=ids)
        .select_related("smiley", "accepted_as", "analysis", "decision__smiley", "dropped")
        .prefetch_related(
            "faces__keypoint_sets",
            "faces__masked",
            "faces__predictions__smiley",
            "faces__predictions__model",
            "reviews__smiley",
            "datasetitem_set",
        )
    )
    return list(photos.order_by("created_at"))


def _about(participant: Participant) -> dict[str, Any]:
    receipt = Receipt.objects.filter(participant=participant).first()
    split = SplitAssignment.objects.filter(participant=participant).first()
    consents = participant.consents.select_related("text").order_by("agreed_at", "pk")
    return {
        "participant": participant.pk,
        "since": participant.created_at,
        "last_sent": {"on": participant.last_sent_on, "photos": participant.sent_that_day},
        "muted_since": participant.muted_at,
        "photos_per_day": participant.photos_per_day,
        "receipt_code_issued_at": receipt.issued_at if receipt else None,
        "split": {"name": split.split, "assigned_at": split.assigned_at} if split else None,
        "consents": [_consent(consent) for consent in consents],
        "exported_at": timezone.now(),
    }


def _consent(consent: Consent) -> dict[str, Any]:
    text = consent.text
    return {
        "id": consent.pk,
        "agreed_at": consent.agreed_at,
        "scopes": consent.scopes,
        "text": {
            "version": text.version,
            "language": text.language,
            "sha256": text.sha256,
            "body": text.body,
        },
    }


def _facts(photo: Photo) -> dict[str, Any]:
    analysis, decision = getattr(photo, "analysis", None), getattr(photo, "decision", None)
    return {
        "id": photo.pk,
        "client_id": photo.client_id,
        "smiley": photo.smiley.slug,
        "state": photo.state,
        "accepted_as": photo.accepted_as.slug if photo.accepted_as else None,
        "consent": photo.consent_id,
        "sent_at": photo.created_at,
        "processed_at": photo.processed_at,
        "width": photo.width,
        "height": photo.height,
        "bytes": photo.size,
        "sha256": photo.sha256,
        "upload_sha256": photo.upload_sha256,
        "live_score": photo.live_score,
        "analysis": analysis
        and {
            "flags": analysis.flags,
            "perceptual_hash": analysis.perceptual_hash,
            "at": analysis.analysed_at,
        },
        "near_duplicates": [
            {
                # A photo of somebody else is theirs, be it nearly the same.
                "photo": pair.other_than(photo).pk if pair.same_participant else None,
                "bits": pair.bits,
                "difference": pair.difference,
                "same_participant": pair.same_participant,
                "at": pair.found_at,
                "ruled_at": pair.ruled_at,
                "differ": pair.differ,
            }
            for pair in near_duplicates(photo)
        ],
        "faces": [_face(face) for face in photo.faces.all()],
        # Who reviewed is the reviewers' own data, and what they said is about the photo.
        "reviews": [
            {
                "kind": review.kind,
                "verdict": review.verdict,
                "smiley": review.smiley.slug if review.smiley else None,
                "reason": review.reason or None,
                "at": review.created_at,
                "set_aside_at": review.set_aside_at,
            }
            for review in photo.reviews.all()
        ],
        "decision": _decision(decision) if decision else None,
        "dropped_as_duplicate_at": photo.dropped.dropped_at if hasattr(photo, "dropped") else None,
        "dataset_versions": [_item(item) for item in photo.datasetitem_set.all()],
        "left_out_of_dataset_versions": list(
            LeftOut.objects.filter(photo=photo).order_by("version").values_list("version", flat=True)
        ),
    }


def _face(face: Face) -> dict[str, Any]:
    measured = ("score", "yaw", "pitch", "roll", "sharpness", "brightness", "flags", "transform")
    return {
        "id": face.pk,
        "is_subject": face.is_subject,
        "box": face.box,
        **{name: getattr(face, name) for name in measured},
        "found_at": face.created_at,
        "keypoints": [
            {"source": found.source, "points": found.points, "visible": found.visible, "at": found.created_at}
            for found in face.keypoint_sets.all()
        ],
        "masked": [
            {
                "style": masked.style,
                "seed": masked.seed,
                "parameters": masked.parameters,
                "at": masked.created_at,
            }
            for masked in face.masked.all()
        ],
        "predictions": [
            {
                "model": made.model.number,
                "smiley": made.smiley.slug,
                "share": made.share,
                "distribution": made.distribution,
                "at": made.created_at,
            }
            for made in face.predictions.all()
        ],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    smiley = decision.smiley.slug if decision.smiley else None
    counted = {name: getattr(decision, name) for name in ("votes", "ballots", "by_reviews", "reopened_at")}
    return {"outcome": decision.outcome, "smiley": smiley, **counted, "at": decision.changed_at}


def _item(item: DatasetItem) -> dict[str, Any]:
    return {"number": item.version_id, "split": item.split}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=_as_text)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


class _Sink:
    """What `zipfile` writes into: it cannot seek, and gives away what it has got."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
