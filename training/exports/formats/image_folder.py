"""`SPLIT/SMILEY/ID.jpg` and `SPLIT/metadata.csv`, as `datasets.load_dataset("imagefolder")` and
`keras.utils.image_dataset_from_directory` read them."""

from ..archive import Archive
from ..columns import COLUMNS, Record, Table
from ..samples import Sample
from . import SPLITS


class ImageFolder:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._tables = {
            split: Table(archive, f"{split}/metadata.csv", ("file_name", *COLUMNS)) for split in SPLITS
        }

    def add(self, sample: Sample, values: Record) -> None:
        name = f"{sample.smiley}/{sample.id}.jpg"
        self._archive.add(f"{sample.split}/{name}", sample.picture())
        self._tables[sample.split].line(f"{name},{values.line}")

    def close(self) -> None:
        for table in self._tables.values():
            table.close()
