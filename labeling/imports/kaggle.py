"""Kaggle's "Facial Keypoints Detection" (2013): a CSV, plain or gzipped, with 30 coordinates and `Image`, the 96·96
grey values of a face. A blank coordinate is a point that is missing. Further columns may be `person` and `smiley`."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from collector.models import Smiley
from operations.problems import Problem

from .staging import Row, Staging
from .tables import Table, number

SIDE = 96


def kaggle_stage(path: Path, *, smiley: str) -> tuple[Staging, list[str]]:
    """The rows, and sentences about those that are left out: pictures that an earlier row has had already.

    Raises Problem naming the line at fault.
    """
    from ml.data.keypoint_sources import COLUMNS

    smileys = set(Smiley.objects.values_list("slug", flat=True))
    staging, repeated = Staging(), []
    with Table.at(path) as table:
        table.need((*COLUMNS, "Image"))
        for line, record in table:
            row = _row(table, line, record, COLUMNS, smiley)
            if row.smiley not in smileys:
                known = ", ".join(sorted(smileys))
                raise Problem(
                    "labels_smiley", f"Line {line}: no smiley is called {row.smiley!r}; there are {known}."
                )
            if (earlier := staging.place_of(row.key)) is not None:
                repeated.append(f"{row.place}: the picture of {earlier} again; it is left out.")
            else:
                staging.add(row)
    return staging, repeated


def kaggle_picture(row: Row) -> bytes:
    """As PNG, which loses nothing."""
    out = io.BytesIO()
    Image.frombytes("L", (SIDE, SIDE), bytes(row.picture)).save(out, "PNG")  # type: ignore[arg-type]
    return out.getvalue()


def _row(table: Table, line: int, record: dict[str, str], columns: tuple[str, ...], smiley: str) -> Row:
    pixels = _pixels(record["Image"], line)
    # By its content, so that it is the same photo wherever in the file it stands.
    digest = hashlib.sha256(pixels).hexdigest()
    person = record["person"] if "person" in table.columns else digest
    if not person:
        raise Problem(
            "labels_person", f"Line {line}: the column person is empty, and people are what is split."
        )
    return Row(
        key=digest,
        place=f"Line {line}",
        person=person,
        smiley=record.get("smiley") or smiley,
        picture=pixels,
        face=_face([number(record, column, line) for column in columns], line),
        size=(SIDE, SIDE),
    )


def _pixels(text: str, line: int) -> bytes:
    words = text.split()
    if len(words) != SIDE * SIDE:
        raise Problem(
            "keypoints_pixels", f"Line {line}: Image has {len(words):,} values, and not {SIDE * SIDE:,}."
        )
    try:
        values = np.array(words, dtype=np.int64)
    except (ValueError, OverflowError):
        values = np.array([-1])
    if values.min() < 0 or values.max() > 255:
        raise Problem(
            "keypoints_pixels", f"Line {line}: Image has a value that is no whole number from 0 to 255."
        )
    return values.astype(np.uint8).tobytes()


def _face(values: list[float | None], line: int) -> dict[str, Any] | None:
    """A point of which either number is blank is missing. None where all are."""
    if any(value is not None and not -SIDE <= value <= 2 * SIDE for value in values):
        raise Problem(
            "keypoints_outside", f"Line {line}: a point lies far outside of the {SIDE} × {SIDE} pixels."
        )
    pairs = [
        list(pair) if None not in pair else [None, None]
        for pair in zip(values[::2], values[1::2], strict=True)
    ]
    visible = [None not in pair for pair in pairs]
    return {"points": pairs, "visible": visible} if any(visible) else None
