"""Cheap checks on an upload's first bytes, before anything decodes it. Each step has an error code of its own."""

import struct
from dataclasses import dataclass

from django.utils.translation import gettext as _

from operations.problems import Problem

MAX_SCANS = 100  # a progressive JPEG with thousands of scans takes minutes within any limit of pixels


@dataclass(frozen=True)
class Limits:
    max_bytes: int
    max_pixels: int
    max_side: int
    min_side: int = 48


def check_headers(data: bytes, limits: Limits) -> None:
    """Raise Problem unless `data` begins like one still JPEG, PNG or WebP picture of an accepted size."""
    check_length(len(data), limits)
    read_size = next((read for magic, read in _READERS.items() if data.startswith(magic)), None)
    if read_size is None or (read_size is _webp_size and data[8:12] != b"WEBP"):
        raise Problem("image_type", _("Send a JPEG, PNG or WebP picture."), status=415)
    try:
        width, height = read_size(data)
    except (struct.error, IndexError):
        raise Problem(
            "image_unreadable", _("The picture is damaged: take or export it again."), status=422
        ) from None
    check_size(width, height, limits)


def check_length(length: int, limits: Limits) -> None:
    if length == 0:
        raise Problem("image_empty", _("The file is empty: choose another one."), status=422)
    if length > limits.max_bytes:
        too_large = _("The file is larger than %(megabytes)d MB: send a smaller one.")
        raise Problem("image_too_large", too_large % {"megabytes": limits.max_bytes // 2**20}, status=413)


def check_size(width: int, height: int, limits: Limits) -> None:
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise Problem(
            "image_dimensions",
            _(
                "The picture has %(width)d × %(height)d pixels: send one of at most %(side)d a side"
                " and %(millions)d million in all."
            )
            % {
                "width": width,
                "height": height,
                "side": limits.max_side,
                "millions": limits.max_pixels // 10**6,
            },
            status=422,
        )
    if min(width, height) < limits.min_side:
        raise Problem(
            "image_too_small",
            _("The picture has %(width)d × %(height)d pixels: send one of at least %(side)d a side.")
            % {"width": width, "height": height, "side": limits.min_side},
            status=422,
        )


def _animated() -> Problem:
    return Problem("image_animated", _("The picture moves: send a still one."), status=422)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    # Inside entropy-coded data 0xFF is always followed by 0x00, so every FFDA out there is a scan.
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise Problem(
            "image_scans", _("The picture is saved in an unusual way: save it again as JPEG."), status=422
        )
    position = 2
    while True:
        while data[position] == 0xFF and data[position + 1] == 0xFF:
            position += 1
        if data[position] != 0xFF:
            raise IndexError
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or marker == 0xDA:
            raise IndexError
        position += 2 + length


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise IndexError
    # The animation chunk has to stand before the first picture data.
    if b"acTL" in data[: max(data.find(b"IDAT"), 0)]:
        raise _animated()
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        if data[20] & 0x02:
            raise _animated()
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise IndexError


_READERS = {b"\xff\xd8\xff": _jpeg_size, b"\x89PNG\r\n\x1a\n": _png_size, b"RIFF": _webp_size}
