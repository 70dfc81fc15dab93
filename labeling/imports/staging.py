"""What an import is going to bring, gathered and checked before anything of it comes in."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any

from operations.problems import Problem


@dataclass(frozen=True, slots=True)
class Row:
    """A picture that an import brings.

    `key` and `person` name it and who is on it within the import; with `keeps_ids` they are the ids that the photo
    and the participant had elsewhere, and keep. `place` says where it stands, for messages. `picture` is what the
    reader finds the pixels by. `split` is blank where the import says none. `face` is what it says of the face, as
    the fields of an `ImportedFace`; `size` the width and height that its coordinates are pixels of.
    """

    key: str
    place: str
    person: str
    smiley: str
    picture: str | bytes
    split: str = ""
    face: dict[str, Any] | None = None
    size: tuple[int, int] | None = None
    keeps_ids: bool = False


_COLUMNS = ", ".join(field.name for field in fields(Row))
_MARKS = ", ".join("?" * len(fields(Row)))


class Staging:
    """Rows in the order in which they were added, and nothing twice, in memory that does not grow with them.

    They lie in a file of SQLite that has no name, so that nothing of it stays, however the process ends.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(f"CREATE TABLE rows ({_COLUMNS}, UNIQUE (key))")
        self._file.execute("CREATE TABLE people (person PRIMARY KEY, split, place) WITHOUT ROWID")
        self._file.execute("BEGIN")

    def __len__(self) -> int:
        return int(self._file.execute("SELECT count(*) FROM rows").fetchone()[0])

    def __iter__(self) -> Iterator[Row]:
        rows = self._file.execute(f"SELECT {_COLUMNS} FROM rows ORDER BY rowid")  # noqa: S608
        for *plain, face, size, keeps_ids in rows:
            key, place, person, smiley, picture, split = plain
            yield Row(
                key, place, person, smiley, picture, split, json.loads(face), _pair(size), bool(keeps_ids)
            )

    def add(self, row: Row) -> None:
        """Raises Problem (import_twice, import_two_splits)."""
        *plain, face, size, keeps_ids = astuple(row)
        values = (*plain, json.dumps(face), " ".join(map(str, size or ())), keeps_ids)
        try:
            self._file.execute(f"INSERT INTO rows ({_COLUMNS}) VALUES ({_MARKS})", values)  # noqa: S608
        except sqlite3.IntegrityError:
            raise Problem(
                "import_twice", f"{row.place}: it is there twice, at first as {self.place_of(row.key)}."
            ) from None
        self._side(row)

    def place_of(self, key: str) -> str | None:
        """Where a row with this key stands; None when there is none."""
        found = self._file.execute("SELECT place FROM rows WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else None

    def splits(self, size: int = 500) -> Iterator[dict[str, str]]:
        """People and their splits, `size` at a time, without those who have none."""
        people = self._file.execute("SELECT person, split FROM people WHERE split != ''")
        while page := people.fetchmany(size):
            yield dict(page)

    def _side(self, row: Row) -> None:
        known = self._file.execute(
            "SELECT split, place FROM people WHERE person = ?", (row.person,)
        ).fetchone()
        if known is None:
            self._file.execute("INSERT INTO people VALUES (?, ?, ?)", (row.person, row.split, row.place))
        elif known[0] != row.split:
            raise Problem(
                "import_two_splits",
                f"{row.place}: {row.person} is in {row.split or 'no split'} here, and in {known[0] or 'no split'} at"
                f" {known[1]}. All photos of a person belong on one side.",
            )


def _pair(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    width, height = text.split()
    return int(width), int(height)
