"""Pictures that cameras, programs and attackers make, as bytes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms

QUADRANTS = {"top left": (220, 30, 30), "top right": (30, 200, 30), "bottom left": (30, 30, 220)}


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Four colours that tell how a picture is turned, whatever its size."""
    image = Image.new("RGB", (width, height), (240, 240, 240))
    image.paste(QUADRANTS["top left"], (0, 0, width // 2, height // 2))
    image.paste(QUADRANTS["top right"], (width // 2, 0, width, height // 2))
    image.paste(QUADRANTS["bottom left"], (0, height // 2, width // 2, height))
    return image


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth and colourful, so that codecs hardly change it."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x / 2 - y / 2], axis=-1).astype(np.uint8))


def jpeg_of(image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(image or scene(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def png_of(image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(image or scene(), "PNG", **options)


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """The sensor's pixels from which a viewer that obeys `orientation` shows `image`."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def exif(orientation: int = 1) -> bytes:
    """A camera's notes: how it was held, what it is, and where it stood."""
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "Camera maker"
    notes.get_ifd(0x8825).update({1: "N", 2: (50.0, 6.0, 30.0), 3: "E", 4: (8.0, 41.0, 5.0)})
    return notes.tobytes()


def with_scans(data: bytes, scans: int) -> bytes:
    """A JPEG whose last scan is there many times over: small, and slow to open."""
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * scans + data[-2:]


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size, and no pixels."""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png_bomb(width: int, height: int) -> bytes:
    """Within the limits of pixels, but its data unpack to a hundred times what they should."""
    rows = (b"\0" + b"\0" * (3 * width)) * height
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(rows) for _ in range(100)) + packer.flush()
    return png_header(width, height) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A tiny picture with a comment that unpacks to 200 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"A" * 2**20) for _ in range(200)) + packer.flush()
    whole = png_of()
    return whole[:33] + _chunk(b"zTXt", b"Comment\0\0" + packed) + whole[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """sRGB with the primaries' roles of red and green exchanged: whoever ignores it shows wrong colours."""
    profile = bytearray(srgb_profile())
    tags = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(profile[131])}
    red, green = tags[b"rXYZ"] + 4, tags[b"gXYZ"] + 4
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile)


def difference(image: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two pictures of one size, in steps of 255."""
    assert image.size == other.size
    pair = [np.asarray(one.convert("RGB")).astype(int) for one in (image, other)]
    return float(np.abs(pair[0] - pair[1]).mean())
