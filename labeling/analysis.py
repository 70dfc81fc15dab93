"""The use case of looking at a photo with the detectors."""

import uuid
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

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
from .models import CROP_SIZE, Analysis, Face, ImportedFace, KeypointSet
from .queue import entry_refresh
from .signals import face_found

if TYPE_CHECKING:
    from ml.faces.analyse import AnalysedFace, FaceAnalyser

    from .imported_faces import Seen


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
    flags: dict[str, float]
    perceptual_hash: int
    seen: "list[Seen]"  # the subject first
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
    from ml.faces.crop import warp
    from ml.geometry import Similarity
    from ml.pictures import UnreadablePicture, read_picture

    from .crops import crop_encode
    from .imported_faces import Seen, with_imported

    try:
        with default_storage.open(photo.file, "rb") as file:
            image = read_picture(file.read())
    except (UnreadablePicture, FileNotFoundError) as error:
        raise JobRefused(f"The stored photo cannot be read: {error}") from error
    analysis = analyser().analyse(image)
    flags = analysis.flags
    faces = [_face(photo, face, is_subject=index == 0) for index, face in enumerate(analysis.faces)]
    seen = [Seen(face, [_mesh(face, found)]) for face, found in zip(faces, analysis.faces, strict=True)]
    if (said := ImportedFace.objects.filter(photo=photo).first()) is not None:
        seen = with_imported(said, image, seen)
        flags = {name: value for name, value in flags.items() if name != "no_face"}
    crop = None
    if seen:
        crop = crop_encode(warp(image, Similarity.from_list(seen[0].face.transform), CROP_SIZE))
    return _Findings(flags, _signed(int(analysis.phash, 16)), seen, crop)


def _store(photo: Photo, found: _Findings, crop_name: str) -> Face | None:
    locked = Photo.objects.select_for_update().filter(pk=photo.pk).first()
    if locked is None or not photo_processed(photo=locked, face_found=bool(found.seen)):
        return None
    Analysis.objects.create(photo=locked, flags=found.flags, perceptual_hash=found.perceptual_hash)
    faces = [one.face for one in found.seen]
    for face in faces[:1]:
        face.crop = crop_name
    Face.objects.bulk_create(faces)
    KeypointSet.objects.bulk_create(placed for one in found.seen for placed in one.sets)
    ImportedFace.objects.filter(photo=locked).delete()
    entry_refresh(photo=locked)  # it waits for reviewers since it was processed, and now there are flags
    if not faces:
        return None
    face_found.send(sender=Face, face=faces[0])
    return faces[0]


def _face(photo: Photo, face: "AnalysedFace", *, is_subject: bool) -> Face:
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
        transform=face.transform.as_list(),
    )


def _mesh(face: Face, found: "AnalysedFace") -> KeypointSet:
    return KeypointSet(
        face=face,
        source=KeypointSet.Source.MESH,
        points=found.keypoints.round(2).tolist(),
        visible=(found.visibility >= 0.5).tolist(),
    )


def _signed(bits: int) -> int:
    """64 unsigned bits as the signed number that databases store."""
    return bits - (1 << 64) if bits >= 1 << 63 else bits
