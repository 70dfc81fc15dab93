"""From a file or bytes of any sort to one upright RGB array, or a named error."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Picture = NDArray[np.uint8]

MAX_PIXELS = 128_000_000
_ORIENTATION = 0x0112  # in EXIF


class UnreadablePicture(ValueError):  # says what it is; callers show it to people
    """The file is not there, is no picture, is damaged, or is larger than the caller allows."""


def read_picture(source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture: RGB uint8 [H, W, 3], turned upright by its EXIF orientation.

    Greyscale is spread over three channels, 16 bits are scaled (not cut) to 8, transparency is laid on white,
    and of an animation the first frame is taken.

    Raises:
        UnreadablePicture: one sentence that says what is wrong and what would help.
    """
    name = "The picture" if isinstance(source, bytes) else os.fspath(source)
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is a warning with a fixed number; ours is the one below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise UnreadablePicture(
                        f"{name} has {width}×{height} pixels, over the {max_pixels:,} allowed: scale it down."
                    )
                if image.format == "JPEG" and image.mode == "RGB":
                    pixels = _jpeg_pixels(source, image.getexif().get(_ORIENTATION, 1))
                    if pixels is not None:
                        return pixels
                image.load()
                # In place: otherwise a picture that is upright already is copied whole.
                ImageOps.exif_transpose(image, in_place=True)
                return _to_rgb(image)
    except UnreadablePicture:
        raise
    except FileNotFoundError:
        raise UnreadablePicture(f"{name} is not there: check the path.") from None
    except IsADirectoryError:
        raise UnreadablePicture(f"{name} is a folder: name the picture inside it.") from None
    except PermissionError:
        raise UnreadablePicture(f"{name} may not be read by this user: change its permissions.") from None
    except Image.DecompressionBombError:
        raise UnreadablePicture(f"{name} has far too many pixels: scale it down.") from None
    except MemoryError:
        raise UnreadablePicture(f"{name} does not fit into memory: scale it down.") from None
    except Exception as error:
        # Decoders raise nearly anything on damaged bytes (OSError, SyntaxError, struct.error, IndexError, …);
        # whatever it was, the picture cannot be read, and a worker has to go on to the next one.
        raise UnreadablePicture(
            f"{name} is not a complete JPEG, PNG or WebP picture: {error or type(error).__name__}."
        ) from error


def _jpeg_pixels(source: str | os.PathLike[str] | bytes, orientation: int) -> Picture | None:
    """The pixels of a colour JPEG, upright, a third faster than by Pillow and the same to the bit; None where the
    file is incomplete."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if stored is None:
        return None
    pixels = np.asarray(stored, dtype=np.uint8)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _to_rgb(image: Image.Image) -> Picture:
    """Any of Pillow's modes as RGB uint8 [H, W, 3]."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.array(image, dtype=np.uint8)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") and values.max(initial=0) > 255 else 255.0
        if image.mode == "F" and values.max(initial=0) <= 1.0:
            top = 1.0
        grey = np.clip(np.nan_to_num(values) / top * 255.0 + 0.5, 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if "A" in image.mode or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, clear)
    return np.array(image.convert("RGB"), dtype=np.uint8)


class Halves:
    """A picture to be made smaller several times. Nearly all of the cost is in touching every pixel once, so the
    halves on the way are kept and shared.

    Args:
        image: uint8 [H, W] or [H, W, C].
    """

    def __init__(self, image: Picture) -> None:
        self._levels = [image]

    def shrink(self, width: int, height: int) -> Picture:
        """Averaged over area: by halves where the sides allow it, which is several times as fast, then the rest."""
        level = 0
        while self._has_half(level, width, height):
            level += 1
        return np.asarray(
            cv2.resize(self._levels[level], (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )

    def _has_half(self, level: int, width: int, height: int) -> bool:
        rows, columns = self._levels[level].shape[:2]
        if rows % 2 or columns % 2 or columns // 2 < width or rows // 2 < height:
            return False
        if level + 1 == len(self._levels):
            half = cv2.resize(self._levels[level], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
            self._levels.append(np.asarray(half, dtype=np.uint8))
        return True


def shrink(image: Picture, width: int, height: int) -> Picture:
    """Resize by averaging over area, once; see :class:`Halves`."""
    return Halves(image).shrink(width, height)


def resize_squares(images: Picture, size: int, channels: int = 3) -> Picture:
    """Square pictures brought to one size, averaged over area to shrink: uint8 [N, size, size, channels].

    Args:
        images: uint8 [N, S, S, C] or [N, S, S]; C is 1 or 3.
        size: the new side in pixels.
        channels: 1 or 3; grey is repeated for 3, colour is weighted (Rec. 601) for 1.

    Raises:
        ValueError: another shape or type.
    """
    if images.ndim == 3:
        images = images[..., None]
    square = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] in (1, 3)
    if not square or images.dtype != np.uint8:
        raise ValueError(
            f"Square uint8 pictures [N, S, S, C] are needed, not {images.dtype} {list(images.shape)}."
        )
    if images.shape[3] == 3 and channels == 1:
        grey = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None] for image in images]
        images = np.asarray(grey, dtype=np.uint8).reshape(*images.shape[:3], 1)
    if images.shape[1] != size:
        method = cv2.INTER_AREA if images.shape[1] > size else cv2.INTER_LINEAR
        resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
        for index, image in enumerate(images):
            resized[index] = cv2.resize(image, (size, size), interpolation=method).reshape(size, size, -1)
        images = resized
    if images.shape[3] != channels:
        images = np.repeat(images, channels, axis=3)
    return images
