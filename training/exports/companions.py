"""What lies beside the data in every export: what it is, what may be done with it, and what has been withdrawn."""

import json
from collections import Counter
from importlib import resources
from typing import Any

from collector.models import Tombstone

from ..datasheets.sheet import KINDS, datasheet
from ..pages import pages
from .archive import Archive
from .columns import COLUMNS, DESCRIPTIONS, NUMBERS, WHOLE
from .models import Export
from .samples import Sample

_OPENED_BY = {
    Export.Format.IMAGE_FOLDER: (
        'datasets.load_dataset("imagefolder", data_dir="FOLDER")\n'
        'keras.utils.image_dataset_from_directory("FOLDER/train")'
    ),
    Export.Format.COCO: 'pycocotools.coco.COCO("FOLDER/annotations/train.json")',
    Export.Format.KAGGLE: 'pandas.read_csv("FOLDER/train.csv")',
    Export.Format.WEBDATASET: 'webdataset.WebDataset("FOLDER/train-{000000..000003}.tar").decode("rgb")',
    Export.Format.PARQUET: (
        'datasets.load_dataset("parquet", data_files={"train": "FOLDER/data/train.parquet"})\n'
        'pandas.read_parquet("FOLDER/data/train.parquet")'
    ),
    Export.Format.TABLE: 'pandas.read_csv("FOLDER/samples.csv")',
    Export.Format.MASKED: 'pandas.read_csv("FOLDER/pairs.csv")',
}

#: Of what `import_dataset` reads: the columns of `samples.csv`, and the names of files and pictures.
FORMAT_VERSION = 1

# The context that every Croissant file carries, as its specification prints it.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "isLiveDataset": "cr:isLiveDataset",
    "key": "cr:key",
    "recordSet": "cr:recordSet",
    "sc": "https://schema.org/",
    "source": "cr:source",
}


class Companions:
    """Counts the samples as they pass, and writes the rest at the end."""

    def __init__(self, export: Export, archive: Archive) -> None:
        self._export, self._archive = export, archive
        self._splits: Counter[str] = Counter()

    def count(self, sample: Sample) -> None:
        self._splits[sample.split] += 1

    def close(self, *, samples_sha256: str) -> None:
        export = self._export
        self._add("README.md", self._readme())
        self._add("LICENCE.txt", f"{export.licence or 'Internal: not to be passed on.'}\n")
        self._add("CITATION.txt", f"{export.citation or 'Internal: not to be cited.'}\n")
        self._add("smielfy.json", json.dumps(self._about(samples_sha256), indent=2) + "\n")
        self._add("croissant.json", json.dumps(croissant(export, samples_sha256), indent=2) + "\n")
        self._add("check_tombstones.py", script())
        if export.version.facts:
            for kind in KINDS:
                self._add(f"datasheet.{kind}", datasheet(export.version, kind))
        self._tombstones(export)

    def _about(self, samples_sha256: str) -> dict[str, Any]:
        """By which an import knows what it has before it, and that all of it is there."""
        version = self._export.version
        return {
            "format_version": FORMAT_VERSION,
            "format": self._export.format,
            "dataset": str(version),
            "manifest_sha256": version.sha256,
            "photos": self._splits.total(),
            "samples_sha256": samples_sha256,
        }

    def _add(self, name: str, text: str) -> None:
        self._archive.add(name, text.encode())

    def _tombstones(self, export: Export) -> None:
        """The photos that were in the version and were withdrawn, so that this file is known to be without them.
        What is not shared any more is gone from releases alone."""
        out = self._archive.text_spool()
        out.write("id,withdrawn_at\n")
        stones = Tombstone.objects.all()
        if not export.release:
            stones = stones.exclude(scope=Tombstone.Scope.RELEASES)
        rows = stones.values_list("photo_id", "withdrawn_at", "dataset_versions")
        for page in pages(rows, "photo_id"):
            for photo, at, versions in page:
                if export.version_id in versions:
                    out.write(f"{photo},{at.isoformat()}\n")
        self._archive.append_text("tombstones.csv", out)

    def _readme(self) -> str:
        export = self._export
        kept = ", ".join(f"{count:,} for {split}" for split, count in sorted(self._splits.items()))
        opened = _OPENED_BY[Export.Format(export.format)]
        return f"""# Smielfy data set {export.version}, {Export.Format(export.format).label}

{self._splits.total():,} photos of people who imitate smileys on purpose: {kept}. People are divided, never
pictures: all photos of a person are in one split. Nothing in here says how anybody felt.

    {opened.replace(chr(10), chr(10) + "    ")}

`samples.csv` has every photo's id, label, box, keypoints and quality. The ids are the same in all exports and versions.
The manifest of this version has the SHA-256 {export.version.sha256}. `datasheet.html` says how it was collected,
how good it is and what its limits are: of the whole version, of which this export may hold a part.

## What you owe the people in it

- Identify nobody, and do not try to.
- People take photos back. At least every 30 days run `python check_tombstones.py --url ADDRESS --remove` in this
  folder, where ADDRESS is the site's `/api/v1/tombstones/`; it needs nothing but Python.
- `tombstones.csv` names what had been withdrawn before this file was written, and is not in it.
"""


def script() -> str:
    return (resources.files(__package__) / "check_tombstones.py").read_text(encoding="utf-8")


def croissant(export: Export, samples_sha256: str) -> dict[str, Any]:
    """Metadata for machines: Croissant 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html"""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "smielfy",
        "description": "Photos of volunteers who imitate smileys on purpose, with labels by reviewers,"
        " 15 facial keypoints, and splits by person.",
        "version": f"{export.version_id}.0.{export.revision}",
        "license": export.licence,
        "citeAs": export.citation,
        "datePublished": export.version.created_at.date().isoformat(),
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "samples",
                "name": "samples",
                "contentUrl": "samples.csv",
                "encodingFormat": "text/csv",
                "sha256": samples_sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "photos",
                "name": "photos",
                "key": {"@id": "photos/id"},
                "field": [_field(column) for column in COLUMNS],
            }
        ],
    }


def _field(column: str) -> dict[str, Any]:
    kind = "sc:Float" if column in NUMBERS else "sc:Integer" if column in WHOLE else "sc:Text"
    return {
        "@type": "cr:Field",
        "@id": f"photos/{column}",
        "name": column,
        "description": DESCRIPTIONS.get(column, column.replace("_", " ")),
        "dataType": kind,
        "source": {"fileObject": {"@id": "samples"}, "extract": {"column": column}},
    }
