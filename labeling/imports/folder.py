"""A folder of pictures with a table of labels: `file,person,smiley`, or `metadata.csv` of an image folder, whose
columns are called `file_name,participant,smiley,split`."""

from pathlib import Path

from collector.models import Smiley
from operations.problems import Problem

from .staging import Row, Staging
from .tables import Table

COLUMNS = ("file", "person", "smiley")
_ALSO_CALLED = {"file_name": "file", "participant": "person"}
SPLITS = ("train", "validation", "test")


def folder_stage(*, folder: Path, labels: Path) -> Staging:
    """Raises Problem naming the line at fault."""
    smileys = set(Smiley.objects.values_list("slug", flat=True))
    staging = Staging()
    with Table.at(labels, also_called=_ALSO_CALLED) as table:
        table.need(COLUMNS)
        for line, record in table:
            staging.add(_row(folder, line, record, smileys))
    return staging


def folder_picture(folder: Path, row: Row) -> bytes:
    return (folder / str(row.picture)).read_bytes()


def file_inside(folder: Path, name: object) -> str | None:
    """A file's one name within the folder, whichever way leads to it; None where none does."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    folder, path = folder.resolve(), (folder / name).resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None


def _row(folder: Path, line: int, record: dict[str, str], smileys: set[str]) -> Row:
    given, person, slug = (record[column] for column in COLUMNS)
    name = file_inside(folder, given)
    if name is None:
        raise Problem("labels_file", f"Line {line}: {given!r} is no file inside {folder}.")
    if not (folder / name).is_file():
        raise Problem("labels_file", f"Line {line}: there is no {folder / name}.")
    if not person:
        raise Problem(
            "labels_person", f"Line {line}: the column person is empty, and people are what is split."
        )
    if slug not in smileys:
        known = ", ".join(sorted(smileys))
        raise Problem("labels_smiley", f"Line {line}: no smiley is called {slug!r}; there are {known}.")
    split = record.get("split", "")
    if split not in ("", *SPLITS):
        raise Problem("labels_split", f"Line {line}: there is no split {split!r}; use {', '.join(SPLITS)}.")
    return Row(key=name, place=f"Line {line}, {name}", person=person, smiley=slug, picture=name, split=split)
