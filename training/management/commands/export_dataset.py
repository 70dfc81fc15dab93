import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError

from operations.audit import audit_record
from operations.jobs import running
from operations.problems import Problem
from operations.progress import job_progress
from training.exports.models import Export
from training.exports.services import export_request
from training.models import DatasetVersion

_CHUNK = 1024 * 1024


class Command(BaseCommand):
    help = "Write a data set version in one format as a tar file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int, help="the version's")
        parser.add_argument("--format", choices=Export.Format.values, required=True)
        parser.add_argument("--out", type=Path, required=True, help="the file to write; it must not be there")
        parser.add_argument(
            "--release", action="store_true", help="only photos whose consent allows to share them"
        )
        parser.add_argument("--licence", default="", help="of a release")
        parser.add_argument("--citation", default="", help="of a release")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} is there already: choose another name.")
        version = DatasetVersion.objects.frozen().filter(pk=options["number"]).first()
        if version is None:
            raise CommandError(f"There is no data set version {options['number']}.")
        try:
            export, job = export_request(
                version=version,
                **{name: options[name] for name in ("format", "release", "licence", "citation")},
                actor="system",
                announced=False,
            )
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        try:
            with job_progress("photos") as show:
                running.run(str(job.pk), on_progress=show)
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. A worker begins it again; download it in admin.", returncode=130
            ) from None
        export.refresh_from_db()
        if export.ready_at is None:
            job.refresh_from_db()
            said = job.error.strip().splitlines()
            raise CommandError(
                said[-1] if said else "Another export runs at this moment: a worker does this one."
            )
        _take(export, out)
        self.stdout.write(f"{out}: {export.photos:,} photos, {export.size:,} bytes, SHA-256 {export.sha256}.")


def _take(export: Export, out: Path) -> None:
    """Copy the file out of the storage; it has its name only when it is whole."""
    part = out.with_name(f"{out.name}.part")
    with default_storage.open(export.file, "rb") as source, part.open("wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)
        target.flush()
        os.fsync(target.fileno())
    part.replace(out)
    audit_record(
        actor="system", action="export_downloaded", subject=f"export:{export.pk}", sha256=export.sha256
    )
