"""Parquet with the pictures inside: `data/SPLIT.parquet`, which `datasets.load_dataset("parquet")` opens with an
image column, and pandas and Arrow as bytes."""

import json
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..archive import Archive
from ..columns import COLUMNS, NUMBERS, WHOLE
from ..samples import Sample
from . import SPLITS

_ROWS = 64  # at once, and as a row group: a hundred photos are some tens of megabytes
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _type(column: str) -> pa.DataType:
    if column in NUMBERS:
        return pa.float64()
    return pa.int32() if column in WHOLE else pa.string()


def schema() -> pa.Schema:
    fields = {column: _type(column) for column in COLUMNS}
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {name: {"dtype": _dtype(kind), "_type": "Value"} for name, kind in fields.items()}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([("image", _IMAGE), *fields.items()], metadata=about)


def _dtype(kind: pa.DataType) -> str:
    return "float64" if kind == pa.float64() else str(kind)


class Parquet:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._files = {split: _File(archive.spool()) for split in SPLITS}

    def add(self, sample: Sample, values: dict[str, Any]) -> None:
        image = {"bytes": sample.picture(), "path": f"{sample.id}.jpg"}
        self._files[sample.split].add({"image": image, **values})

    def close(self) -> None:
        for split, file in self._files.items():
            self._archive.append(f"data/{split}.parquet", file.closed())


class _File:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._schema = file, schema()
        # No column of pictures or ids repeats itself: dictionaries would be tried, and given up, for nothing.
        repeated = ["smiley", "split", "scopes", "source", "flags", "keypoints"]
        self._writer = pq.ParquetWriter(file, self._schema, use_dictionary=repeated, write_statistics=False)
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def closed(self) -> IO[bytes]:
        if self._rows:
            self._write()
        self._writer.close()
        return self._file
