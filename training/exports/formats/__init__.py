"""A writer for each format. It gets one sample after the other, and closes what it has open at the end."""

from typing import Protocol

from operations.stores.ahead import ReadAhead

from ...models import Split
from ..archive import Archive
from ..columns import Record
from ..models import Export
from ..samples import Sample

SPLITS = tuple(Split.values)


class Writer(Protocol):
    def wants(self, sample: Sample) -> list[str]:
        """Names of the stored files that are taken of it, in this order, sample by sample."""

    def add(self, sample: Sample, values: Record) -> None:
        """Write a sample down; `values` are its columns. Raises FileNotFoundError when it was withdrawn."""

    def close(self) -> None: ...


def writer_of(name: str, archive: Archive, files: ReadAhead) -> Writer:
    """The writer of a format. Loaded when it is needed: some bring large libraries along."""
    match name:
        case Export.Format.IMAGE_FOLDER:
            from .image_folder import ImageFolder

            return ImageFolder(archive, files)
        case Export.Format.COCO:
            from .coco import Coco

            return Coco(archive, files)
        case Export.Format.KAGGLE:
            from .kaggle import Kaggle

            return Kaggle(archive, files)
        case Export.Format.WEBDATASET:
            from .webdataset import WebDataset

            return WebDataset(archive, files)
        case Export.Format.PARQUET:
            from .parquet import Parquet

            return Parquet(archive, files)
        case Export.Format.MASKED:
            from .masked import MaskedPairs

            return MaskedPairs(archive, files)
        case Export.Format.TABLE:
            return _Nothing()
        case _:
            raise ValueError(f"There is no format {name}.")


class _Nothing:
    """Of `samples.csv`, which every export has, nothing is left to write."""

    def wants(self, sample: Sample) -> list[str]:
        return []

    def add(self, sample: Sample, values: Record) -> None:
        pass

    def close(self) -> None:
        pass
