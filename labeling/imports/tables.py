"""CSV files from elsewhere, plain or gzipped, read line by line however long they are."""

import csv
import gzip
import io
import math
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from operations.problems import Problem

#: Characters of a line. A row of Kaggle's has 37,000.
LONGEST_LINE = 1_000_000
#: Text and numbers shrink to a third or a tenth; what shrinks further is made to fill a disk or a memory.
MOST_EXPANDED = 100
_ALWAYS_FINE = 64 * 2**20
_GZIP = b"\x1f\x8b"


class Table:
    """The records of a CSV with their line numbers. Reading raises Problem where the file is none."""

    def __init__(self, file: IO[str], name: str, also_called: Mapping[str, str] | None = None) -> None:
        self.name = name
        csv.field_size_limit(LONGEST_LINE)
        self._reader = csv.reader(_lines(file, name))
        other = also_called or {}
        with self._told():
            head = next(self._reader, [])
        self.columns = [other.get(column, column) for column in head]
        if twice := sorted({column for column in self.columns if self.columns.count(column) > 1}):
            raise Problem("table_columns", f"{name} has the column {twice[0]} twice.")

    @classmethod
    @contextmanager
    def at(cls, path: Path, *, also_called: Mapping[str, str] | None = None) -> Iterator["Table"]:
        """The table in a file. Raises Problem when it cannot be read."""
        try:
            with path.open("rb") as file:
                plain: Any = _Gunzipped(file, path) if file.peek(2).startswith(_GZIP) else file
                with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                    yield cls(text, str(path), also_called)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(str(path), error) from error

    def need(self, columns: Collection[str]) -> None:
        """Raises Problem naming those that the table lacks."""
        if missing := [column for column in columns if column not in self.columns]:
            raise Problem("table_columns", f"{self.name} lacks the column {', '.join(missing)}.")

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        with self._told():
            for values in self._reader:
                if not values:
                    continue  # an empty line
                line = self._reader.line_num
                if len(values) > len(self.columns):
                    raise Problem(
                        "table_row",
                        f"Line {line}: it has {len(values)} columns, and the first line {len(self.columns)}.",
                    )
                values += [""] * (len(self.columns) - len(values))
                yield line, dict(zip(self.columns, values, strict=True))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (UnicodeDecodeError, csv.Error) as error:
            raise _unreadable(self.name, error) from error


def number(record: Mapping[str, str], column: str, line: int) -> float | None:
    """A finite number, None where it is blank. Raises Problem naming line and column."""
    text = record[column].strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Problem("table_number", f"Line {line}: {column} is {text[:40]!r}, which is no number.")
    return value


def _lines(file: IO[str], name: str) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise Problem(
                "table_line",
                f"Line {number}: it is longer than {LONGEST_LINE:,} characters, so {name} is no such table.",
            )
        yield line


class _Gunzipped(gzip.GzipFile):
    """Decompressed as it is read, and refused where it grows as no table does."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._path = path
        self._most = max(_ALWAYS_FINE, MOST_EXPANDED * os.path.getsize(path))

    def read1(self, size: int = -1) -> bytes:
        data = super().read1(size)
        if self.tell() > self._most:
            raise Problem(
                "table_bomb",
                f"{self._path} grows to more than {MOST_EXPANDED} times its size: it is no table.",
            )
        return data


def _unreadable(name: str, error: Exception) -> Problem:
    return Problem("labels_unreadable", f"{name} cannot be read: {error}")
