"""Take data sets from a Smielfy site, whole and checked, and leave out what people have taken back.

site = Smielfy("https://smielfy.example.org", token="smielfy_…")
export = site.download(7, "imagefolder")
for sample in site.samples(export, split="train"): ...
"""

from .client import Smielfy
from .errors import (
    ChecksumMismatch,
    DownloadInterrupted,
    ExportFailed,
    NotAnExport,
    Refused,
    SmielfyError,
    TombstonesTooOld,
    Unreachable,
)
from .records import Export, Version
from .samples import Sample, samples
from .tombstones import Tombstones

__all__ = [
    "ChecksumMismatch",
    "DownloadInterrupted",
    "Export",
    "ExportFailed",
    "NotAnExport",
    "Refused",
    "Sample",
    "Smielfy",
    "SmielfyError",
    "Tombstones",
    "TombstonesTooOld",
    "Unreachable",
    "Version",
    "samples",
]
