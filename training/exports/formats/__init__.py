"""A writer for each format. It gets one sample after the other, and closes what it has open at the end."""

from collections.abc import Callable
from typing import Protocol

from ...models import Split
from ..archive import Archive
from ..columns import Record
from ..models import Export
from ..samples import Sample

SPLITS = tuple(Split.values)


class Writer(Protocol):
    def add(self, sample: Sample, values: Record) -> None:
        """Write a sample down; `values` are its columns. Raises FileNotFoundError when it was withdrawn."""

    def close(self) -> None: ...


def writer_of(name: str, archive: Archive) -> Writer:
    """The writer of a format. Loaded when it is needed: some bring large libraries along."""
    makers: dict[str, Callable[[Archive], Writer]] = {
        Export.Format.IMAGE_FOLDER: _image_folder,
        Export.Format.COCO: _coco,
        Export.Format.KAGGLE: _kaggle,
        Export.Format.WEBDATASET: _webdataset,
        Export.Format.PARQUET: _parquet,
        Export.Format.TABLE: _Nothing,
        Export.Format.MASKED: _masked,
    }
    return makers[name](archive)


class _Nothing:
    """Of `samples.csv`, which every export has, nothing is left to write."""

    def __init__(self, archive: Archive) -> None:
        pass

    def add(self, sample: Sample, values: Record) -> None:
        pass

    def close(self) -> None:
        pass


def _image_folder(archive: Archive) -> Writer:
    from .image_folder import ImageFolder

    return ImageFolder(archive)


def _coco(archive: Archive) -> Writer:
    from .coco import Coco

    return Coco(archive)


def _kaggle(archive: Archive) -> Writer:
    from .kaggle import Kaggle

    return Kaggle(archive)


def _webdataset(archive: Archive) -> Writer:
    from .webdataset import WebDataset

    return WebDataset(archive)


def _parquet(archive: Archive) -> Writer:
    from .parquet import Parquet

    return Parquet(archive)


def _masked(archive: Archive) -> Writer:
    from .masked import MaskedPairs

    return MaskedPairs(archive)
