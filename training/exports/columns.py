"""The columns that every format has of a photo: everything but its pixels."""

import csv
import hashlib
import io
import os
from functools import cached_property
from typing import Any

from ml.landmarks import KEYPOINT_NAMES

from .archive import Archive
from .samples import Sample

POINTS = tuple(f"{name}_{axis}" for name in KEYPOINT_NAMES for axis in "xy")
#: 0 where the point cannot be seen, or where nobody placed it.
VISIBLE = tuple(f"{name}_visible" for name in KEYPOINT_NAMES)
#: The crop's place in the photo: x′ = a·x − b·y + crop_x and y′ = b·x + a·y + crop_y, in pixels of 256.
CROP = ("crop_a", "crop_b", "crop_x", "crop_y")
TEXTS = ("id", "participant", "smiley", "split", "sha256", "scopes", "source", "flags", "keypoints")
WHOLE = ("width", "height", *VISIBLE)
NUMBERS = (
    *(f"face_{name}" for name in ("x", "y", "width", "height")),
    "score", "yaw", "pitch", "roll", "sharpness", "brightness", *POINTS, *CROP,
)  # fmt: skip
COLUMNS = ("id", "participant", "smiley", "split", "width", "height", "sha256", "scopes", "source",
           *NUMBERS[:10], "flags", "keypoints", *POINTS, *VISIBLE, *CROP)  # fmt: skip
DESCRIPTIONS = {
    "id": "Opaque id of the photo, the same in all exports and in the list of tombstones",
    "participant": "Opaque id of who gave the photo",
    "smiley": "The smiley that reviewers saw",
    "split": "train, validation or test: of all photos of a participant the same",
    "sha256": "SHA-256 of the photo's file",
    "scopes": "What the consent allows, separated by blanks, or `none`",
    "source": "Where an imported photo is from, or `volunteer`",
    "flags": "Quality flags, separated by blanks, or `none`",
    "crop_a": "Photo to aligned crop of 256 pixels: x' = a x - b y + crop_x, y' = b x + a y + crop_y",
    "keypoints": "Who placed the 15 keypoints: human, model, mesh, or `none`",
}


class Record(dict[str, Any]):
    """The columns of a sample."""

    @cached_property
    def line(self) -> str:
        """As a line of CSV."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(self.values())
        return out.getvalue()


def record(sample: Sample) -> Record:
    """A sample's columns; None for a number that is not known. Coordinates are pixels of the photo.

    No text is blank and every number is of one kind: readers of CSV guess a column's type from a part of it.
    """
    face = sample.face
    found = face.keypoints if face else None
    values = Record()
    values |= {
        "id": sample.id,
        "participant": sample.participant,
        "smiley": sample.smiley,
        "split": sample.split,
        "width": sample.width,
        "height": sample.height,
        "sha256": sample.sha256,
        "scopes": " ".join(sample.scopes) or "none",
        "source": sample.source or "volunteer",
    }
    measured = (face.x, face.y, face.width, face.height) if face else (None,) * 4
    looks = ("score", "yaw", "pitch", "roll", "sharpness", "brightness")
    rest = tuple(getattr(face, name) for name in looks) if face else (None,) * 6
    values |= zip(NUMBERS[:10], (*measured, *rest), strict=True)
    values["flags"] = (" ".join(face.flags) if face else "") or "none"
    values["keypoints"] = found.source if found else "none"
    placed = [value for point in found.points for value in point] if found else [None] * len(POINTS)
    flat = [None if value is None else float(value) for value in placed]
    values |= zip(POINTS, flat, strict=True)
    values |= zip(VISIBLE, map(int, found.visible) if found else [0] * len(VISIBLE), strict=True)
    (a, _, x), (b, _, y) = face.transform if face else ((None,) * 3,) * 2
    values |= zip(CROP, (None if value is None else float(value) for value in (a, b, x, y)), strict=True)
    return values


class Table:
    """A CSV that grows beside the archive and is added to it at the end."""

    def __init__(self, archive: Archive, name: str, columns: tuple[str, ...]) -> None:
        self._archive, self._name = archive, name
        self._file = archive.text_spool()
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(columns)

    def row(self, values: Any) -> None:
        self._writer.writerow(values)

    def line(self, text: str) -> None:
        self._file.write(text)

    def sha256(self) -> str:
        """Of what is in it so far."""
        self._file.flush()
        self._file.seek(0)
        digest = hashlib.file_digest(self._file.buffer, "sha256").hexdigest()
        self._file.seek(0, os.SEEK_END)
        return digest

    def close(self) -> None:
        self._archive.append_text(self._name, self._file)
