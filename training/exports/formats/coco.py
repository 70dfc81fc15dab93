"""COCO's format for keypoints: `images/SPLIT/ID.jpg` and `annotations/SPLIT.json`.

https://cocodataset.org/#format-data. A picture's number is the first 53 bits of its id, which any reader of JSON
holds exactly, and so is the same in all versions; its id is in `file_name` and `smielfy_id`.
"""

import io
import json
import shutil
import uuid
from typing import Any

from ml.landmarks import KEYPOINT_NAMES
from operations.stores.ahead import ReadAhead

from ..archive import Archive
from ..columns import Record
from ..samples import FaceFacts, Sample
from . import SPLITS

CATEGORY = {
    "id": 1,
    "name": "face",
    "supercategory": "person",
    "keypoints": list(KEYPOINT_NAMES),
    "skeleton": [],
}
_SEEN, _HIDDEN, _MISSING = 2, 1, 0  # COCO's v


def image_number(photo: str) -> int:
    return uuid.UUID(photo).int >> 75


class Coco:
    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._archive, self._files = archive, files
        self._images = {split: _List(archive) for split in SPLITS}
        self._annotations = {split: _List(archive) for split in SPLITS}

    def wants(self, sample: Sample) -> list[str]:
        return [sample.file]

    def add(self, sample: Sample, values: Record) -> None:
        name = f"{sample.split}/{sample.id}.jpg"
        self._archive.add(f"images/{name}", self._files.take(sample.file))
        number = image_number(sample.id)
        kept = ("participant", "smiley", "scopes", "source")
        facts = {
            "id": number,
            "file_name": f"{sample.id}.jpg",
            "width": sample.width,
            "height": sample.height,
            "smielfy_id": sample.id,
        }
        self._images[sample.split].add({**facts, **{name: values[name] for name in kept}})
        if sample.face is not None:
            self._annotations[sample.split].add(_annotation(number, sample.face, sample.smiley))

    def close(self) -> None:
        for split in SPLITS:
            whole = self._archive.text_spool()
            whole.write(f'{{"info": {json.dumps({"description": "Smielfy", "version": "1.0"})}, ')
            whole.write(f'"licenses": [], "categories": {json.dumps([CATEGORY])}, "images": [')
            self._images[split].pour(whole)
            whole.write('], "annotations": [')
            self._annotations[split].pour(whole)
            whole.write("]}\n")
            self._archive.append_text(f"annotations/{split}.json", whole)


def _annotation(number: int, face: FaceFacts, smiley: str) -> dict[str, Any]:
    found = face.keypoints
    points = [
        value
        for (x, y), seen in (zip(found.points, found.visible, strict=True) if found else ())
        for value in ((0, 0, _MISSING) if x is None else (x, y, _SEEN if seen else _HIDDEN))
    ]
    return {
        "id": number,
        "image_id": number,
        "category_id": CATEGORY["id"],
        "bbox": [face.x, face.y, face.width, face.height],
        "area": face.width * face.height,
        "iscrowd": 0,
        "segmentation": [],
        "num_keypoints": sum(v != _MISSING for v in points[2::3]),
        "keypoints": points or [0] * (3 * len(KEYPOINT_NAMES)),
        "keypoints_source": found.source if found else None,
        "smiley": smiley,
    }


class _List:
    """The items of a JSON list that is not yet anywhere."""

    def __init__(self, archive: Archive) -> None:
        self._file = archive.text_spool()
        self._any = False

    def add(self, item: dict[str, Any]) -> None:
        self._file.write((",\n" if self._any else "\n") + json.dumps(item))
        self._any = True

    def pour(self, out: io.TextIOWrapper) -> None:
        with self._file:
            self._file.seek(0)
            shutil.copyfileobj(self._file, out, 1024 * 1024)
