"""Parquet with the pictures inside: `data/SPLIT.parquet`, which `datasets.load_dataset("parquet")` opens with an
image column, and pandas and Arrow as bytes."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operations.stores.ahead import ReadAhead

from ..archive import Archive, GrowingMember
from ..columns import COLUMNS, NUMBERS, WHOLE, Record
from ..samples import Sample
from . import SPLITS

_ROWS = 128  # at once, and as a row group: some ten megabytes of photos
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
    """Splits come one after the other."""

    def __init__(self, archive: Archive, files: ReadAhead) -> None:
        self._archive, self._files = archive, files
        self._left = list(SPLITS)
        self._file: _File | None = None

    def wants(self, sample: Sample) -> list[str]:
        return [sample.file]

    def add(self, sample: Sample, values: Record) -> None:
        file = self._of(sample.split)
        file.add({"image": {"bytes": self._files.take(sample.file), "path": f"{sample.id}.jpg"}, **values})

    def close(self) -> None:
        for split in SPLITS:
            if split in self._left:
                self._of(split)
        self._end()

    def _of(self, split: str) -> "_File":
        if self._file is None or self._file.split != split:
            self._end()
            self._left.remove(split)
            self._file = _File(split, self._archive.grown(f"data/{split}.parquet"))
        return self._file

    def _end(self) -> None:
        if self._file is not None:
            self._file.end()


class _File:
    def __init__(self, split: str, member: GrowingMember) -> None:
        self.split, self._member, self._schema = split, member, schema()
        # Pictures are compressed already. No column of numbers or ids repeats itself: dictionaries would be tried,
        # and given up, for nothing.
        pressed = dict.fromkeys(COLUMNS, "snappy") | {"image.bytes": "none", "image.path": "none"}
        repeated = ["smiley", "split", "scopes", "source", "flags", "keypoints"]
        self._writer = pq.ParquetWriter(
            member, self._schema, use_dictionary=repeated, write_statistics=False, compression=pressed
        )
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def end(self) -> None:
        if self._rows:
            self._write()
        self._writer.close()
        self._member.end()
