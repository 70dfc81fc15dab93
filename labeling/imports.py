"""Bringing a folder of research pictures in, through the same intake as everybody's uploads."""

import csv
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_import
from operations.audit import audit_record
from operations.problems import Problem

from .services import label_import

COLUMNS = ("file", "person", "smiley")


@dataclass(frozen=True)
class Row:
    line: int
    path: Path
    name: str
    person: str
    smiley: Smiley


@dataclass(frozen=True)
class Imported:
    """What became of a row: the photo, or the problem why there is none."""

    row: Row
    photo: Photo | None
    new: bool = False
    problem: str = ""


def read_labels(folder: Path, labels: Path) -> list[Row]:
    """The rows of a CSV with the columns file, person, smiley. Raises Problem naming the line at fault."""
    smileys = {smiley.slug: smiley for smiley in Smiley.objects.all()}
    try:
        with labels.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
                raise Problem("labels_columns", f"{labels} lacks the column {', '.join(missing)}.")
            return [_row(folder, reader.line_num, record, smileys) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Problem("labels_unreadable", f"{labels} cannot be read: {error}") from error


def _row(folder: Path, line: int, record: dict[str, str], smileys: dict[str, Smiley]) -> Row:
    name, person, slug = (record[column] or "" for column in COLUMNS)
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise Problem("labels_file", f"Line {line}: {name!r} is no file inside {folder}.")
    if not path.is_file():
        raise Problem("labels_file", f"Line {line}: there is no {path}.")
    if not person:
        raise Problem(
            "labels_person", f"Line {line}: the column person is empty, and people are what is split."
        )
    if slug not in smileys:
        raise Problem(
            "labels_smiley", f"Line {line}: no smiley is called {slug!r}; there are {', '.join(smileys)}."
        )
    return Row(line, path, name, person, smileys[slug])


def batch_open(*, source: str, licence: str, legal_basis: str) -> ImportBatch:
    """The batch of these pictures; the same one again for the same words, which is how an import is resumed."""
    batch = ImportBatch.objects.get_or_create(source=source, licence=licence, legal_basis=legal_basis)[0]
    audit_record(actor="system", action="import_opened", subject=f"batch:{batch.pk}", source=source)
    return batch


def row_import(*, batch: ImportBatch, row: Row, accept: bool) -> Imported:
    """Take in one picture. Its ids follow from the batch, so that it is never there twice.

    A picture that the intake refuses is reported, and nothing of it is kept.
    """
    participant = Participant.objects.get_or_create(pk=uuid.uuid5(batch.pk, f"person {row.person}"))[0]
    client_id = uuid.uuid5(batch.pk, f"file {row.name}")
    try:
        # One transaction, so that a kill between the two leaves no photo without the label it came with.
        with transaction.atomic():
            photo, new = photo_import(
                batch=batch,
                participant=participant,
                smiley=row.smiley,
                client_id=client_id,
                data=row.path.read_bytes(),
            )
            if accept:
                label_import(photo=photo, smiley=row.smiley)
    except (Problem, OSError) as problem:
        return Imported(row, None, problem=str(problem))
    return Imported(row, photo, new=new)
