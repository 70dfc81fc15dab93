"""Photos that are nearly the same: copies, bursts, pictures that somebody else has sent before."""

import uuid
from typing import TYPE_CHECKING

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q

from collector.models import Photo

from .models import Analysis, Face, NearDuplicate, hash_bands

if TYPE_CHECKING:
    from ml.pictures import Picture

#: A hundred pictures of one wall are all near each other; being tied to some of them ties them together.
COMPARED_AT_MOST = 20


def photo_compare(*, photo_id: uuid.UUID) -> int:
    """Find the photos that one is nearly the same as, and note them. Returns how many; safe to repeat.

    Their perceptual hashes have to be near, and then their pixels about the face (or all of them, where there is
    none), so that two expressions before one wall are not the same.
    """
    analysis = Analysis.objects.filter(photo=photo_id, compared=False).select_related("photo").first()
    if analysis is None:
        return 0
    found = []
    if candidates := _near_hashes(analysis):
        found = [
            NearDuplicate.of(analysis.photo, other, bits=bits, difference=difference)
            for bits, other, difference in _compared(analysis.photo, candidates)
        ]
    with transaction.atomic():
        # What was withdrawn meanwhile must not come back as half of a pair.
        wanted = {analysis.photo_id, *(pair.photo_id for pair in found), *(pair.other_id for pair in found)}
        locked = Photo.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
        there = set(locked.values_list("pk", flat=True))
        if analysis.photo_id not in there:
            return 0
        pairs = [pair for pair in found if {pair.photo_id, pair.other_id} <= there]
        # The other one may have found this one already.
        NearDuplicate.objects.bulk_create(pairs, ignore_conflicts=True)
        Analysis.objects.filter(pk=analysis.pk).update(compared=True)
    return len(pairs)


def _near_hashes(analysis: Analysis) -> list[tuple[int, uuid.UUID]]:
    """(bits apart, photo) of the nearest hashes. At most NEAR_BITS of 64 differ, so one of five bands is equal."""
    from ml.faces.phash import NEAR_BITS

    one_equal = Q()
    for name, value in hash_bands(analysis.perceptual_hash).items():
        one_equal |= Q(**{name: value})
    others = Analysis.objects.filter(one_equal).exclude(pk=analysis.pk)
    apart = (
        (((bits ^ analysis.perceptual_hash) & (2**64 - 1)).bit_count(), photo)
        for photo, bits in others.values_list("pk", "perceptual_hash").iterator()
    )
    return sorted(pair for pair in apart if pair[0] <= NEAR_BITS)[:COMPARED_AT_MOST]


def _compared(photo: Photo, candidates: list[tuple[int, uuid.UUID]]) -> list[tuple[int, Photo, float]]:
    """(bits, other photo, difference) of those whose pixels are near, too."""
    from ml.geometry import Box
    from ml.looks import picture_difference

    from .analysis import analyser

    image = _pixels(photo)
    if image is None:
        return []
    face = Face.objects.filter(photo=photo, is_subject=True).first()
    box = Box.from_list(face.box) if face else Box(0, 0, photo.width, photo.height)
    others = Photo.objects.in_bulk([pk for _, pk in candidates])
    found = []
    for bits, pk in candidates:
        other = others.get(pk)
        pixels = _pixels(other) if other else None
        if other is None or pixels is None:
            continue
        difference = picture_difference(image, pixels, box)
        if difference <= analyser().thresholds.max_copy_difference:
            found.append((bits, other, difference))
    return found


def _pixels(photo: Photo) -> "Picture | None":
    """None where they are gone or damaged, which their own analysis tells."""
    from ml.pictures import UnreadablePicture, read_picture

    try:
        with default_storage.open(photo.file, "rb") as file:
            return read_picture(file.read())
    except (FileNotFoundError, UnreadablePicture):
        return None
