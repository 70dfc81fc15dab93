"""Kaggle's "Facial Keypoints Detection" (2013): `SPLIT.csv` with 30 coordinates and `Image`, the 96·96 grey values of
the face's crop; a point that cannot be seen is blank. `SPLIT.ids.csv` names the photo of each row: the format itself
has no room for an id."""

import cv2
import numpy as np

from labeling.crops import crop_decode
from labeling.models import CROP_SIZE
from ml.geometry import Similarity
from operations.stores.ahead import ReadAhead

from ..archive import Archive
from ..columns import POINTS, Record, Table
from ..samples import FaceFacts, Sample
from . import SPLITS

SIDE = 96


class Kaggle:
    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._files = files
        self._tables = {split: Table(archive, f"{split}.csv", (*POINTS, "Image")) for split in SPLITS}
        self._ids = {split: Table(archive, f"{split}.ids.csv", ("id", "smiley")) for split in SPLITS}

    def wants(self, sample: Sample) -> list[str]:
        return [] if sample.face is None else [sample.face.crop]

    def add(self, sample: Sample, values: Record) -> None:
        if sample.face is None:
            return
        grey = cv2.cvtColor(
            crop_decode(self._files.take(sample.face.crop), SIDE, of=sample.face.crop), cv2.COLOR_RGB2GRAY
        )
        pixels = " ".join(map(str, grey.ravel().tolist()))
        self._tables[sample.split].row((*points_in_crop(sample.face), pixels))
        self._ids[sample.split].row((sample.id, sample.smiley))

    def close(self) -> None:
        for table in (*self._tables.values(), *self._ids.values()):
            table.close()


def points_in_crop(face: FaceFacts) -> list[float | None]:
    """x and y of the 15 points in pixels of the 96×96 crop, None for one that cannot be seen."""
    if face.keypoints is None:
        return [None] * len(POINTS)
    carried = Similarity.from_list(face.transform).apply(np.asarray(face.keypoints.points, dtype=np.float64))
    shrunk = (carried + 0.5) * (SIDE / CROP_SIZE) - 0.5  # a pixel's centre is where its numbers are whole
    seen = np.repeat(face.keypoints.visible, 2)
    return [
        round(float(value), 4) if there else None for value, there in zip(shrunk.ravel(), seen, strict=True)
    ]
