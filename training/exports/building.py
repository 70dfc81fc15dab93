"""Writing an export's file. It is made beside its name and offered when it is whole; whatever leaves the version
meanwhile makes it begin again, so that no file holds what was withdrawn."""

import secrets
from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone

from collector.models import Photo, Scope
from operations.audit import audit_record
from operations.jobs.running import JobRefused, RunningJob
from operations.models import Job
from operations.private_files import file_written, files_ahead
from operations.stores.ahead import ReadAhead

from ..datasets import VersionChanged, dataset_revise, datasets_hold, items_of
from ..models import DatasetItem, Split
from .archive import Archive
from .behind import WrittenBehind
from .columns import COLUMNS, Table, record
from .companions import Companions
from .formats import writer_of
from .models import Export
from .samples import PAGE, Sample, samples

FOLDER = "exports"


def export_execute(*, job: RunningJob, page: int = PAGE) -> None:
    """Write the file that an export lacks. Raises JobRefused when no photo may be in it."""
    while (export := _wanted(job)) is not None:
        name = _begin(export, job)
        try:
            with file_written(name) as file:
                with files_ahead() as ahead, WrittenBehind(file) as behind:
                    photos = _write(export, ahead, behind, job, page)
                if not photos:
                    raise JobRefused(_nothing(export))
                job.progress(0, 0, "computing the checksum")
                size, sha256 = behind.tell(), behind.sha256()
        except VersionChanged:
            job.progress(0, 0, "something was withdrawn: beginning again")
            continue
        except FileNotFoundError:
            # What was withdrawn at this moment; anything else that is missing is an error.
            if not Export.objects.filter(pk=export.pk, changed=True).exists():
                raise
            continue
        if _offer(export, name, job, photos=photos, size=size, sha256=sha256):
            job.progress(photos, photos, f"{export.download_name} is ready")
        else:
            default_storage.delete(name)


def items_for(export: Export) -> "QuerySet[DatasetItem]":
    """What is left of its version and may be in it."""
    items = items_of(export.version)
    if export.release:
        shared = Photo.objects.allowed_by(Scope.SHARE_IN_RELEASE)
        items = items.filter(photo__in=shared)
    return items


def _wanted(job: RunningJob) -> Export | None:
    wanted = Export.objects.filter(pk=job.subject, ready_at=None).select_related("version").first()
    if wanted is None or (wanted.expires_at and wanted.expires_at <= timezone.now()):
        return None
    return wanted


def _begin(export: Export, job: RunningJob) -> str:
    """Choose the name of a new file, and erase what a former attempt has left."""
    revising = Job.objects.filter(kind="training.revise_dataset", subject=str(export.version_id))
    if revising.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists():
        export.version = dataset_revise(number=export.version_id)
    former, name = export.file, f"{FOLDER}/{export.pk}/{secrets.token_hex(6)}.tar"
    with job.fenced():
        datasets_hold()  # who is withdrawing something has done so when we begin to read, or finds our name
        Export.objects.filter(pk=export.pk).update(file=name, changed=False)
    if former:
        default_storage.delete(former)
    export.file, export.revision = name, export.version.revision
    return name


def _write(export: Export, files: ReadAhead, file: WrittenBehind, job: RunningJob, page: int) -> int:
    archive = Archive(file, root=f"smielfy-{export}")
    writer = writer_of(export.format, archive, files)
    table = Table(archive, "samples.csv", COLUMNS)
    companions = Companions(export, archive)
    done, total = 0, items_for(export).count()
    for found in _pages(export, page):
        if Export.objects.filter(pk=export.pk, changed=True).exists():
            raise VersionChanged
        files.expect(name for sample in found for name in writer.wants(sample))
        for sample in found:
            values = record(sample)
            writer.add(sample, values)
            table.line(values.line)
            companions.count(sample)
        done += len(found)
        job.progress(done, total, "writing")
    sha256 = table.sha256()
    writer.close()  # first: what grows in one piece is done then
    table.close()
    companions.close(samples_sha256=sha256)
    archive.close()
    return done


def _pages(export: Export, page: int) -> Iterator[list[Sample]]:
    """One split after the other, so that what is written of a split can be in one piece."""
    for split in Split.values:
        items = items_for(export).filter(split=split)
        yield from samples(items, masks=export.format == Export.Format.MASKED, size=page)


def _nothing(export: Export) -> str:
    if export.release:
        return f"Of version {export.version} no photo may be released: no consent in it allows to share."
    return f"Of version {export.version} nothing is left."


def _offer(export: Export, name: str, job: RunningJob, *, photos: int, size: int, sha256: str) -> bool:
    """Make the file the export's, which it is not when something left it meanwhile."""
    with job.fenced():
        ours = Export.objects.filter(pk=export.pk, file=name, changed=False)
        facts = {"photos": photos, "size": size, "sha256": sha256, "revision": export.revision}
        if not ours.update(ready_at=timezone.now(), **facts):
            return False
        audit_record(
            actor=export.created_by,
            action="export_written",
            subject=f"export:{export.pk}",
            dataset=str(export.version),
            format=export.format,
            release=export.release,
            **facts,
        )
    return True
