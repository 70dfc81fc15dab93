"""From an upload's bytes to a clean picture: the checks in their order, with this site's limits."""

from functools import cache

from django.conf import settings

from .decoder import CleanPicture, DecoderPool
from .headers import Limits, check_headers


@cache
def limits() -> Limits:
    return Limits(settings.PHOTO_MAX_BYTES, settings.PHOTO_MAX_PIXELS, settings.PHOTO_MAX_SIDE)


@cache
def _pool() -> DecoderPool:
    return DecoderPool(
        processes=settings.DECODE_PROCESSES,
        seconds=settings.DECODE_SECONDS,
        megabytes=settings.DECODE_MEGABYTES,
        max_pixels=settings.PHOTO_MAX_PIXELS,
    )


def clean_picture(data: bytes) -> CleanPicture:
    """Check, decode in a limited child and rebuild an upload. Raises Problem with the step's code."""
    check_headers(data, limits())
    return _pool().clean(data)
