"""Crops as stored bytes. Imported by workers only, for it loads OpenCV."""

import cv2
import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray

Crop = NDArray[np.uint8]

# Above the photo's own quality, so that cutting out costs nothing that can be seen.
_QUALITY = 95


def crop_encode(crop: Crop) -> bytes:
    """RGB uint8 [S, S, 3] as JPEG without colour subsampling."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), options)[1])


def alpha_encode(alpha: Crop) -> bytes:
    """Grey uint8 [S, S] as PNG, without loss."""
    return bytes(cv2.imencode(".png", alpha)[1])


def crop_read(name: str, size: int) -> Crop:
    """A stored crop as RGB uint8 [size, size, 3], shrunk by area. Raises FileNotFoundError when it was withdrawn."""
    with default_storage.open(name, "rb") as file:
        return crop_decode(bytes(file.read()), size, of=name)


def crop_decode(data: bytes, size: int, *, of: str) -> Crop:
    """The bytes of the stored crop of that name as RGB uint8 [size, size, 3], shrunk by area.

    Raises ValueError when they are no picture.
    """
    return _decoded(data, size, cv2.IMREAD_COLOR_RGB, of)


def alpha_decode(data: bytes, size: int, *, of: str) -> Crop:
    """The bytes of the stored alpha of that name as grey uint8 [size, size], shrunk by area.

    Raises ValueError when they are no picture.
    """
    return _decoded(data, size, cv2.IMREAD_GRAYSCALE, of)


def _decoded(data: bytes, size: int, mode: int, name: str) -> Crop:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    if picture is None:
        raise ValueError(f"The stored picture {name} is damaged.")
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
