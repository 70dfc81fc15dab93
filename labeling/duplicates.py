"""Photos that are nearly the same: copies, bursts, pictures that somebody else has sent before."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q

from collector.models import Photo, PhotoQuerySet

from .models import Analysis, Face, NearDuplicate, hash_bands

if TYPE_CHECKING:
    from ml.pictures import Picture

#: A hundred pictures of one wall are all near each other; being tied to some of them ties them together. So many of
#: the same person's photos and so many of others' are compared with a photo.
COMPARED_AT_MOST = 20

_Near = tuple[int, uuid.UUID]  # bits apart, photo


def photo_compare(*, photo_id: uuid.UUID) -> int:
    """Find the photos that one is nearly the same as, and note them. Returns how many; safe to repeat.

    Their perceptual hashes have to be near, and then their pixels about the face (or all of them, where there is
    none), so that two expressions before one wall are not the same.
    """
    analysis = Analysis.objects.filter(photo=photo_id, compared=False).select_related("photo").first()
    if analysis is None:
        return 0
    theirs, others = _near_hashes(analysis)
    crowded = len(others) > COMPARED_AT_MOST
    found = _pairs(analysis.photo, theirs[:COMPARED_AT_MOST] + others[:COMPARED_AT_MOST])
    with transaction.atomic():
        kept = _keep(found)
        Analysis.objects.filter(pk=analysis.pk).update(compared=True, crowded=crowded)
    return kept


def crowded_compare(*, photos: PhotoQuerySet, among: PhotoQuerySet, watch: Callable[[], None]) -> int:
    """Compare photos that have more near hashes of others than were looked at with the nearest `among` some, too.
    Returns how many have more even there. `watch` is called before each, and may raise."""
    crowded, left = Analysis.objects.filter(photo__in=photos, crowded=True), 0
    for analysis in list(crowded.select_related("photo").order_by("pk")):
        watch()
        _, others = _near_hashes(analysis, among)
        left += len(others) > COMPARED_AT_MOST
        found = _pairs(analysis.photo, others[:COMPARED_AT_MOST])
        with transaction.atomic():
            _keep(found)
    return left


def _pairs(photo: Photo, candidates: list[_Near]) -> list[NearDuplicate]:
    if not candidates:
        return []
    return [
        NearDuplicate.of(photo, other, bits=bits, difference=difference)
        for bits, other, difference in _compared(photo, candidates)
    ]


def _keep(found: list[NearDuplicate]) -> int:
    """Note the pairs of which both are there still: what was withdrawn must not come back as half of one."""
    wanted = {photo for pair in found for photo in (pair.photo_id, pair.other_id)}
    locked = Photo.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    there = set(locked.values_list("pk", flat=True))
    pairs = [pair for pair in found if {pair.photo_id, pair.other_id} <= there]
    # The other one may have found this one already.
    NearDuplicate.objects.bulk_create(pairs, ignore_conflicts=True)
    return len(pairs)


def _near_hashes(analysis: Analysis, among: PhotoQuerySet | None = None) -> tuple[list[_Near], list[_Near]]:
    """The photos with near hashes, of the same person and of others, nearest first. At most NEAR_BITS of 64 differ, so
    one of five bands is equal."""
    from ml.faces.phash import NEAR_BITS

    one_equal = Q()
    for name, value in hash_bands(analysis.perceptual_hash).items():
        one_equal |= Q(**{name: value})
    others = Analysis.objects.filter(one_equal).exclude(pk=analysis.pk)
    if among is not None:
        others = others.filter(photo__in=among)
    near: dict[bool, list[_Near]] = {True: [], False: []}
    for photo, person, hashed in others.values_list("pk", "photo__participant", "perceptual_hash").iterator():
        bits = ((hashed ^ analysis.perceptual_hash) & (2**64 - 1)).bit_count()
        if bits <= NEAR_BITS:
            near[person == analysis.photo.participant_id].append((bits, photo))
    return sorted(near[True]), sorted(near[False])


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
