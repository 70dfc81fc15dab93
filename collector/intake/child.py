"""The decoding child: reads pictures from standard input, writes clean JPEGs to standard output.

Run as a script, alone with Pillow in a process whose memory and CPU time are limited, because decoders are where
hostile pictures strike. Nothing of the upload survives but its pixels: metadata, comments and colour profiles
are left behind by rebuilding the picture from raw bytes.

Request: length (>I), bytes. Answer: status (>B; 0 clean, 1 refused), length (>I), then either
width and height (>II) and the JPEG, or an error code.
"""

import io
import resource
import struct
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:  # Pillow must not be loaded before the limits are set
    from PIL import Image

QUALITY = 92


def main(seconds: int, megabytes: int) -> None:
    _limit_memory(megabytes)
    from PIL import Image, ImageFile

    Image.MAX_IMAGE_PIXELS = (
        None  # the parent has checked the header, and `clean` checks what the decoder says
    )
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.preinit()
    Image.init()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while header := requests.read(8):
        length, max_pixels = struct.unpack(">II", header)
        _limit_seconds(seconds)
        _answer(answers, *_attempt(requests.read(length), max_pixels))


def _attempt(data: bytes, max_pixels: int) -> tuple[int, bytes]:
    try:
        return 0, clean(data, max_pixels)
    except MemoryError:
        return 1, b"image_costly"
    except Exception:
        # Decoders raise everything under the sun at damaged input; to the sender it is all the same.
        return 1, b"image_unreadable"


def clean(data: bytes, max_pixels: int) -> bytes:
    """Decode, turn upright, convert to sRGB colours, and encode again from raw pixels alone."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
        # MPO is a JPEG with further pictures behind the first, as phones write it for depth: the first is the photo.
        moves = opened.format != "MPO" and getattr(opened, "n_frames", 1) != 1
        if moves or opened.width * opened.height > max_pixels:
            raise ValueError
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        pixels = _to_rgb(upright)
        rebuilt = Image.frombytes("RGB", pixels.size, pixels.tobytes())
    encoded = io.BytesIO()
    rebuilt.save(encoded, "JPEG", quality=QUALITY)
    return struct.pack(">II", *rebuilt.size) + encoded.getvalue()


def _to_rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image, ImageCms

    if image.mode.startswith("I"):
        # 16-bit greyscale: Pillow would clip to 255 instead of scaling.
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        image.info["icc_profile"] = layer.info.get("icc_profile")
    profile = image.info.get("icc_profile")
    if profile and image.mode == "RGB":
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return converted or image
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile only costs the exact colours
    return image.convert("RGB")


def _answer(answers: BinaryIO, status: int, payload: bytes) -> None:
    answers.write(struct.pack(">BI", status, len(payload)))
    answers.write(payload)
    answers.flush()


def _limit_memory(megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_seconds(seconds: int) -> None:
    """`seconds` of CPU time from now on; past that the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
