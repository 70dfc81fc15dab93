"""Aligned pairs for learning to take masks off: `SPLIT/face/ID.jpg`, `SPLIT/masked/ID.STYLE-SEED.jpg`,
`SPLIT/alpha/ID.STYLE-SEED.png`, and `pairs.csv` with what belongs together."""

from ..archive import Archive
from ..columns import Record, Table
from ..samples import Sample, stored

COLUMNS = ("id", "participant", "smiley", "split", "style", "seed", "face", "masked", "alpha")


class MaskedPairs:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._pairs = Table(archive, "pairs.csv", COLUMNS)

    def add(self, sample: Sample, values: Record) -> None:
        if sample.face is None or not sample.face.masked:
            return
        face = f"{sample.split}/face/{sample.id}.jpg"
        self._archive.add(face, stored(sample.face.crop))
        for pair in sample.face.masked:
            name = f"{sample.id}.{pair.style}-{pair.seed}"
            masked, alpha = f"{sample.split}/masked/{name}.jpg", f"{sample.split}/alpha/{name}.png"
            self._archive.add(masked, stored(pair.image))
            self._archive.add(alpha, stored(pair.alpha))
            about = (sample.id, sample.participant, sample.smiley, sample.split, pair.style, pair.seed)
            self._pairs.row((*about, face, masked, alpha))

    def close(self) -> None:
        self._pairs.close()
