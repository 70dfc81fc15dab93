"""The use case of looking at a photo with the detectors."""

import uuid
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from collector.files import atomic_with_files
from collector.models import Photo
from collector.services import photo_processed
from operations.jobs.running import JobRefused

from .duplicates import photo_compare
from .models import CROP_SIZE, Analysis, Face, KeypointSet
from .queue import entry_refresh
from .signals import face_found

if TYPE_CHECKING:
    from ml.faces.analyse import AnalysedFace, FaceAnalyser


def photo_analyse(*, photo_id: uuid.UUID) -> Face | None:
    """Find the faces of a photo, keep the subject's crop, keypoints and quality. Returns the subject.

    Safe to repeat and to run twice at once: only the first to commit writes. A photo that was withdrawn
    meanwhile leaves nothing behind. Raises JobRefused when the stored file cannot be read.
    """
    photo = Photo.objects.unprocessed().filter(pk=photo_id).first()
    if photo is None:
        return None
    found = _look(photo)
    crop_name = ""
    if found.crop:
        crop_name = default_storage.save(Face.crop_name(timezone.now()), ContentFile(found.crop))
    with atomic_with_files(crop_name):
        subject = _store(photo, found, crop_name)
    if subject is None and crop_name:
        default_storage.delete(crop_name)
    photo_compare(photo_id=photo.pk)
    return subject


@dataclass(frozen=True)
class _Findings:
    analysis: Any
    crop: bytes | None


@cache
def analyser() -> "FaceAnalyser":
    """The detectors with this site's thresholds. Raises ImproperlyConfigured for one that there is not."""
    # Vision libraries are loaded by the workers that need them only.
    from ml.faces.analyse import FaceAnalyser
    from ml.faces.quality import Thresholds

    try:
        return FaceAnalyser(Thresholds(**settings.QUALITY_THRESHOLDS))
    except TypeError as error:
        raise ImproperlyConfigured(f"QUALITY_THRESHOLDS: {error}; docs/faces.md lists the names.") from error


def _look(photo: Photo) -> _Findings:
    from ml.pictures import UnreadablePicture, read_picture

    from .crops import crop_encode

    try:
        with default_storage.open(photo.file, "rb") as file:
            image = read_picture(file.read())
    except (UnreadablePicture, FileNotFoundError) as error:
        raise JobRefused(f"The stored photo cannot be read: {error}") from error
    analysis = analyser().analyse(image)
    if not analysis.faces:
        return _Findings(analysis, None)
    return _Findings(analysis, crop_encode(analysis.faces[0].crop(image, CROP_SIZE)))


def _store(photo: Photo, found: _Findings, crop_name: str) -> Face | None:
    analysis = found.analysis
    locked = Photo.objects.select_for_update().filter(pk=photo.pk).first()
    if locked is None or not photo_processed(photo=locked, face_found=bool(analysis.faces)):
        return None
    Analysis.objects.create(
        photo=locked, flags=analysis.flags, perceptual_hash=_signed(int(analysis.phash, 16))
    )
    faces = [
        _face_row(locked, face, crop_name if index == 0 else "", is_subject=index == 0)
        for index, face in enumerate(analysis.faces)
    ]
    Face.objects.bulk_create(faces)
    KeypointSet.objects.bulk_create(
        KeypointSet(
            face=row,
            source=KeypointSet.Source.MESH,
            points=face.keypoints.round(2).tolist(),
            visible=(face.visibility >= 0.5).tolist(),
        )
        for row, face in zip(faces, analysis.faces, strict=True)
    )
    entry_refresh(photo=locked)  # it waits for reviewers since it was processed, and now there are flags
    if not faces:
        return None
    face_found.send(sender=Face, face=faces[0])
    return faces[0]


def _face_row(photo: Photo, face: "AnalysedFace", crop_name: str, *, is_subject: bool) -> Face:
    return Face(
        photo=photo,
        is_subject=is_subject,
        x=face.box.x,
        y=face.box.y,
        width=face.box.w,
        height=face.box.h,
        score=face.score,
        yaw=face.pose.yaw,
        pitch=face.pose.pitch,
        roll=face.pose.roll,
        sharpness=face.sharpness,
        brightness=face.exposure.brightness,
        flags=face.flags,
        crop=crop_name,
        transform=face.transform.as_list(),
    )


def _signed(bits: int) -> int:
    """64 unsigned bits as the signed number that databases store."""
    return bits - (1 << 64) if bits >= 1 << 63 else bits
