"""An export of a site like this, as its tar file or unpacked: looked through in whole before anything of it comes in.

Its `smielfy.json` says in which version of the format it is written and which SHA-256 `samples.csv` has, and that the
SHA-256 of each picture. So a file that has changed on its way is refused, by name.
"""

import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from collector.models import Smiley
from labeling.imports.staging import Row, Staging
from labeling.imports.tables import Table
from operations.problems import Problem

from ..exports.companions import FORMAT_VERSION
from ..exports.models import Export
from .parts import Part, parts_of
from .pictures import Pictures, picture_at
from .records import NEEDED, record_row

ABOUT, SAMPLES, TOMBSTONES = "smielfy.json", "samples.csv", "tombstones.csv"
_LONGEST_ABOUT = 64 * 1024
_SHOWN_EACH = 20
_WITH_PHOTOS = (
    Export.Format.IMAGE_FOLDER,
    Export.Format.COCO,
    Export.Format.WEBDATASET,
    Export.Format.PARQUET,
)

Report = Callable[[int, int, str], None]


class ExportFile:
    """An export that has been looked through. Raises Problem naming what is wrong."""

    def __init__(self, path: Path, *, report: Report = lambda done, total, said: None) -> None:
        self._path = path
        self._pictures = Pictures()
        self._special: dict[str, Part] = {}
        for count, part in enumerate(parts_of(path)):
            if part.base in (ABOUT, SAMPLES, TOMBSTONES):
                if part.base in self._special:
                    raise Problem("export_twice", f"{path} has {part.base} twice.")
                self._special[part.base] = part
            else:
                self._pictures.look(part)
            if count % _SHOWN_EACH == 0:
                report(0, 0, "looking for pictures")
        self.about = self._about()
        self._check_samples()
        self.staging = self._staged(report)

    def withdrawn(self) -> Iterator[tuple[uuid.UUID, datetime]]:
        """What had been withdrawn from the version before the export was written. Raises Problem."""
        for line, record in self._table(TOMBSTONES, ("id", "withdrawn_at")):
            try:
                at = datetime.fromisoformat(record["withdrawn_at"])
                yield uuid.UUID(record["id"]), at if at.tzinfo else timezone.make_aware(at)
            except ValueError as error:
                raise Problem("export_record", f"{TOMBSTONES}, line {line}: {error}.") from error

    def _part(self, name: str) -> Part:
        if name not in self._special:
            raise Problem(
                "export_incomplete", f"{self._path} is no whole export of Smielfy: it has no {name}."
            )
        return self._special[name]

    def _about(self) -> dict[str, Any]:
        part = self._part(ABOUT)
        try:
            if part.size > _LONGEST_ABOUT:
                raise ValueError
            about: dict[str, Any] = dict(json.loads(part.read()))
            version, _ = int(about["format_version"]), int(about["photos"])
            about["format"], about["samples_sha256"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Problem("export_about", f"{part.name} does not say what an export's does.") from error
        if version > FORMAT_VERSION:
            raise Problem(
                "export_newer",
                f"{part.name}: the export is written in version {version} of the format, and this site knows"
                f" {FORMAT_VERSION}. Bring the site up to date.",
            )
        if about["format"] not in _WITH_PHOTOS:
            raise Problem(
                "export_without_photos",
                f"{part.name}: an export as {about['format']!r} has no photos. Choose {', '.join(_WITH_PHOTOS)};"
                " import_keypoints reads the tables of kaggle.",
            )
        return about

    def _check_samples(self) -> None:
        part = self._part(SAMPLES)
        with part.open() as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        if found != self.about["samples_sha256"]:
            raise Problem(
                "export_changed",
                f"{part.name} has the SHA-256 {found}, and {ABOUT} says {self.about['samples_sha256']}: it has changed"
                " on its way. Download the export again.",
            )

    def _table(self, name: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
        with io.TextIOWrapper(self._part(name).open(), encoding="utf-8", newline="") as text:
            table = Table(text, name)
            table.need(columns)
            yield from table

    def _staged(self, report: Report) -> Staging:
        smileys = set(Smiley.objects.values_list("slug", flat=True))
        withdrawn = {str(photo) for photo, _ in self.withdrawn()}
        staging, total = Staging(), int(self.about["photos"])
        done = 0
        for done, (line, record) in enumerate(self._table(SAMPLES, NEEDED), start=1):
            staging.add(self._row(line, record, smileys))
            if record["id"] in withdrawn:
                raise Problem(
                    "export_withdrawn", f"samples.csv, line {line}: {record['id']} is in {TOMBSTONES}, too."
                )
            if done % _SHOWN_EACH == 0:
                report(done, total, "checking")
        if done != total:
            raise Problem("export_incomplete", f"{SAMPLES} has {done:,} photos, and {ABOUT} says {total:,}.")
        if (name := self._pictures.unused()) is not None:
            raise Problem("export_picture", f"{name} stands in no line of {SAMPLES}.")
        return staging

    def _row(self, line: int, record: dict[str, str], smileys: set[str]) -> Row:
        place = self._pictures.place_of(record["id"])
        if place is None:
            raise Problem(
                "export_picture", f"samples.csv, line {line}: there is no picture of {record['id']}."
            )
        row = record_row(record, line, smileys=smileys, picture=place)
        if hashlib.sha256(picture_at(place)).hexdigest() != record["sha256"]:
            raise Problem(
                "export_changed",
                f"samples.csv, line {line}: the picture of {record['id']} has another SHA-256. Download the export"
                " again.",
            )
        return row


def export_picture(row: Row) -> bytes:
    return picture_at(str(row.picture))
