"""Aligned pairs for learning to take masks off: `SPLIT/face/ID.jpg`, `SPLIT/masked/ID.STYLE-SEED.jpg`,
`SPLIT/alpha/ID.STYLE-SEED.png`, and `pairs.csv` with what belongs together."""

from operations.stores.ahead import ReadAhead

from ..archive import Archive
from ..columns import Record, Table
from ..samples import Sample

COLUMNS = ("id", "participant", "smiley", "split", "style", "seed", "face", "masked", "alpha")


class MaskedPairs:
    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._archive, self._files = archive, files
        self._pairs = Table(archive, "pairs.csv", COLUMNS)

    def wants(self, sample: Sample) -> list[str]:
        if sample.face is None or not sample.face.masked:
            return []
        return [sample.face.crop, *(name for pair in sample.face.masked for name in (pair.image, pair.alpha))]

    def add(self, sample: Sample, values: Record) -> None:
        if sample.face is None or not sample.face.masked:
            return
        face = f"{sample.split}/face/{sample.id}.jpg"
        self._archive.add(face, self._files.take(sample.face.crop))
        for pair in sample.face.masked:
            name = f"{sample.id}.{pair.style}-{pair.seed}"
            masked, alpha = f"{sample.split}/masked/{name}.jpg", f"{sample.split}/alpha/{name}.png"
            self._archive.add(masked, self._files.take(pair.image))
            self._archive.add(alpha, self._files.take(pair.alpha))
            about = (sample.id, sample.participant, sample.smiley, sample.split, pair.style, pair.seed)
            self._pairs.row((*about, face, masked, alpha))

    def close(self) -> None:
        self._pairs.close()
