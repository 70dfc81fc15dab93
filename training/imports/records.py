"""A line of an export's `samples.csv`, checked and turned into a row of an import."""

import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from labeling.imports.staging import Row
from labeling.imports.tables import number
from labeling.models import KeypointSet
from operations.problems import Problem

from ..exports.columns import CROP, NUMBERS, POINTS, VISIBLE
from ..models import Split

BOX, MEASURED = NUMBERS[:4], NUMBERS[4:10]
NEEDED = ("id", "participant", "smiley", "split", "width", "height", "sha256", "flags", "keypoints",
          *NUMBERS, *VISIBLE)  # fmt: skip
_NONE = "none"


def record_row(record: Mapping[str, str], line: int, *, smileys: Collection[str], picture: str) -> Row:
    """Raises Problem naming the line and the column at fault."""
    for column in ("id", "participant"):
        _check(line, column, record[column], _is_id(record[column]), "no id")
    _check(
        line,
        "smiley",
        record["smiley"],
        record["smiley"] in smileys,
        "no smiley of this site; add it in admin",
    )
    _check(
        line, "split", record["split"], record["split"] in Split.values, f"none of {', '.join(Split.values)}"
    )
    return Row(
        key=record["id"],
        place=f"Line {line}, {record['id']}",
        person=record["participant"],
        smiley=record["smiley"],
        picture=picture,
        split=record["split"],
        face=_face(record, line),
        size=(_whole(record, "width", line), _whole(record, "height", line)),
        keeps_ids=True,
    )


def _face(record: Mapping[str, str], line: int) -> dict[str, Any] | None:
    box = [number(record, column, line) for column in BOX]
    if box == [None] * 4:
        return None
    measured = {name: number(record, name, line) for name in MEASURED}
    a, b, x, y = crop = [number(record, column, line) for column in CROP]
    numbers = {**dict(zip(BOX, box, strict=True)), **measured, **dict(zip(CROP, crop, strict=True))}
    for column, value in numbers.items():
        _check(line, column, "", value is not None, "blank, and the other numbers of the face are there")
    for column, side in zip(BOX[2:], box[2:], strict=True):
        _check(line, column, record[column], side is not None and side > 0, "no size of a face")
    _check(line, "crop_a", record["crop_a"], a != 0 or b != 0, "no scale")
    flags = [] if record["flags"] == _NONE else record["flags"].split()
    transform = [[a, -b, x], [b, a, y]]  # type: ignore[operator]
    return {
        "box": box,
        "measured": {**measured, "flags": flags, "transform": transform},
        **_keypoints(record, line),
    }


def _keypoints(record: Mapping[str, str], line: int) -> dict[str, Any]:
    source = record["keypoints"]
    if source == _NONE:
        return {}
    known = KeypointSet.Source.values
    _check(line, "keypoints", source, source in known, f"none of {', '.join(known)}")
    values = [number(record, column, line) for column in POINTS]
    points = [list(pair) for pair in zip(values[::2], values[1::2], strict=True)]
    for column, point in zip(POINTS[::2], points, strict=True):
        _check(line, column, "", point.count(None) != 1, "half a point: x or y is blank")
    visible = []
    for column, point in zip(VISIBLE, points, strict=True):
        seen = record[column]
        _check(
            line,
            column,
            seen,
            seen == "0" or (seen == "1" and None not in point),
            "no 0, and no 1 of a known point",
        )
        visible.append(seen == "1")
    return {"source": source, "points": points, "visible": visible}


def _whole(record: Mapping[str, str], column: str, line: int) -> int:
    text = record[column]
    _check(line, column, text, bool(re.fullmatch(r"[1-9]\d{0,5}", text)), "no number of pixels")
    return int(text)


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _check(line: int, column: str, value: str, fine: bool, said: str) -> None:
    if not fine:
        shown = f"{value[:60]!r}, which is " if value else ""
        raise Problem("export_record", f"samples.csv, line {line}: {column} is {shown}{said}.")
