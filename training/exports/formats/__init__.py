"""A writer for each format. It gets one sample after the other, and closes what it has open at the end."""

from collections.abc import Callable
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
    makers: dict[str, Callable[[Archive, ReadAhead], Writer]] = {
        Export.Format.IMAGE_FOLDER: _image_folder,
        Export.Format.COCO: _coco,
        Export.Format.KAGGLE: _kaggle,
        Export.Format.WEBDATASET: _webdataset,
        Export.Format.PARQUET: _parquet,
        Export.Format.TABLE: _Nothing,
        Export.Format.MASKED: _masked,
    }
    return makers[name](archive, files)


class _Nothing:
    """Of `samples.csv`, which every export has, nothing is left to write."""

    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        pass

    def wants(self, sample: Sample) -> list[str]:
        return []

    def add(self, sample: Sample, values: Record) -> None:
        pass

    def close(self) -> None:
        pass


def _image_folder(archive: Archive, files: ReadAhead) -> Writer:
    from .image_folder import ImageFolder

    return ImageFolder(archive, files)


def _coco(archive: Archive, files: ReadAhead) -> Writer:
    from .coco import Coco

    return Coco(archive, files)


def _kaggle(archive: Archive, files: ReadAhead) -> Writer:
    from .kaggle import Kaggle

    return Kaggle(archive, files)


def _webdataset(archive: Archive, files: ReadAhead) -> Writer:
    from .webdataset import WebDataset

    return WebDataset(archive, files)


def _parquet(archive: Archive, files: ReadAhead) -> Writer:
    from .parquet import Parquet

    return Parquet(archive, files)


def _masked(archive: Archive, files: ReadAhead) -> Writer:
    from .masked import MaskedPairs

    return MaskedPairs(archive, files)
