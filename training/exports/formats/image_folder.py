"""`SPLIT/SMILEY/ID.jpg` and `SPLIT/metadata.csv`, as `datasets.load_dataset("imagefolder")` and
`keras.utils.image_dataset_from_directory` read them."""

from operations.stores.ahead import ReadAhead

from ..archive import Archive
from ..columns import COLUMNS, Record, Table
from ..samples import Sample
from . import SPLITS


class ImageFolder:
    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._archive, self._files = archive, files
        self._tables = {
            split: Table(archive, f"{split}/metadata.csv", ("file_name", *COLUMNS)) for split in SPLITS
        }

    def wants(self, sample: Sample) -> list[str]:
        return [sample.file]

    def add(self, sample: Sample, values: Record) -> None:
        name = f"{sample.smiley}/{sample.id}.jpg"
        self._archive.add(f"{sample.split}/{name}", self._files.take(sample.file))
        self._tables[sample.split].line(f"{name},{values.line}")

    def close(self) -> None:
        for table in self._tables.values():
            table.close()
