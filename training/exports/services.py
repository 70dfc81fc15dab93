"""The use cases of exports: asking for one, a link to it, and what has to go from them."""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from collector.files import files_erase
from operations.audit import audit_record
from operations.jobs.services import job_enqueue, jobs_enqueue
from operations.models import Job
from operations.problems import Problem

from ..models import DatasetVersion
from .models import Export, ExportDownload

JOB = "training.export"
TERMS = (
    "I identify nobody in these photos and do not try to. I use them under the licence that comes with them."
    " I look at the list of tombstones at least every 30 days and delete what stands there."
)
_SALT = "training.export"


@transaction.atomic
def export_request(
    *,
    version: DatasetVersion,
    format: str,
    actor: str,
    release: bool = False,
    licence: str = "",
    citation: str = "",
    announced: bool = True,
) -> tuple[Export, Job]:
    """Ask for a version in one format; a worker writes it, or the caller's own process when it is not `announced`.

    Raises Problem: format_unknown, no_dataset, release_incomplete.
    """
    if format not in Export.Format.values:
        raise Problem(
            "format_unknown", f"There is no format {format!r}: choose {', '.join(Export.Format.values)}."
        )
    if version.draft:
        raise Problem("no_dataset", f"Version {version.number} is not frozen yet.", status=409)
    licence, citation = licence.strip(), citation.strip()
    if release and not (licence and citation):
        raise Problem(
            "release_incomplete", "A release needs a licence and a citation: nobody may use it otherwise."
        )
    days = None if release else timezone.now() + timedelta(days=settings.EXPORT_DAYS)
    export = Export.objects.create(
        version=version,
        format=format,
        release=release,
        licence=licence,
        citation=citation,
        created_by=actor,
        expires_at=days,
    )
    audit_record(
        actor=actor,
        action="export_requested",
        subject=f"export:{export.pk}",
        dataset=str(version),
        format=format,
        release=release,
    )
    job = job_enqueue(name=JOB, subject=str(export.pk), announced=announced)
    return export, job


@transaction.atomic
def export_link(
    *, export: Export, actor: str, contact: str = "", accepted: bool = False, api_token: str = ""
) -> str:
    """A token that downloads the export for EXPORT_LINK_HOURS. Of a release it is recorded who took it along.

    `api_token`: how that of whoever asks begins. Raises Problem: export_not_ready, contact_missing, terms_not_accepted.
    """
    if not is_ready(export):
        raise Problem("export_not_ready", "There is no file of this export at this moment.", status=409)
    if export.release:
        contact = contact.strip()
        try:
            validate_email(contact)
        except ValidationError:
            raise Problem("contact_missing", "Give an e-mail address at which you can be reached.") from None
        if not accepted:
            raise Problem("terms_not_accepted", f"A release is given to who accepts this: {TERMS}")
        ExportDownload.objects.create(
            export=export, contact=contact, terms=TERMS, sha256=export.sha256, actor=actor
        )
    by = {"token": api_token} if api_token else {}
    audit_record(
        actor=actor, action="export_link_made", subject=f"export:{export.pk}", sha256=export.sha256, **by
    )
    return signing.dumps({"export": str(export.pk), "for": actor, **by}, salt=_SALT, compress=True)


def export_by_link(token: str) -> tuple[Export, dict[str, str]]:
    """The export that a link is for, and who asked for the link, as the audit log has it.

    Raises Problem: link_expired, export_not_ready.
    """
    try:
        said = signing.loads(token, salt=_SALT, max_age=settings.EXPORT_LINK_HOURS * 3600)
    except signing.BadSignature:
        raise Problem(
            "link_expired", "This link is not valid any more: ask for a new one.", status=404
        ) from None
    export = Export.objects.filter(pk=said["export"]).first()
    if export is None or not is_ready(export):
        raise Problem("export_not_ready", "There is no file of this export at this moment.", status=409)
    by = {"token": said["token"]} if "token" in said else {}
    return export, {"actor": said["for"], **by}


def is_ready(export: Export) -> bool:
    return export.ready_at is not None and not is_expired(export)


def is_expired(export: Export) -> bool:
    return export.expires_at is not None and export.expires_at <= timezone.now()


def state_of(export: Export, job: Job | None) -> str:
    """In one word: expired, ready, waiting, running or failed. `job` is its newest."""
    if is_expired(export):
        return "expired"
    if export.ready_at is not None:
        return "ready"
    words = {Job.State.QUEUED: "waiting", Job.State.RUNNING: "running"}
    return words.get(Job.State(job.state), "failed") if job else "failed"


def job_of(export: Export) -> Job | None:
    return Job.objects.filter(kind=JOB, subject=str(export.pk)).order_by("-created_at").first()


def photos_leave_exports(*, versions: Collection[int], releases_only: bool = False) -> None:
    """Something has left these versions, in the caller's transaction: what was written of them is erased, and written
    anew without it."""
    exports = Export.objects.kept().filter(version__in=versions)
    if releases_only:
        exports = exports.filter(release=True)
    locked = list(exports.select_for_update(of=("self",)).order_by("pk"))
    for export in locked:
        _erase(export)
        Export.objects.filter(pk=export.pk).update(changed=True, ready_at=None)
    jobs_enqueue(name=JOB, payloads={str(export.pk): {} for export in locked if not is_expired(export)})


def exports_expire() -> None:
    """Erase the files of those that are over."""
    for export in Export.objects.kept().expired(timezone.now()):
        export_remove(export=export, actor="system")


@transaction.atomic
def export_remove(*, export: Export, actor: str) -> None:
    """Erase an export's file; that there was one stays known."""
    current = Export.objects.select_for_update().get(pk=export.pk)
    over = min(current.expires_at or timezone.now(), timezone.now())
    if current.file:
        _erase(current)
    Export.objects.filter(pk=current.pk).update(file="", changed=True, ready_at=None, expires_at=over)
    audit_record(actor=actor, action="export_removed", subject=f"export:{current.pk}")


def _erase(export: Export) -> None:
    # A subject of its own for each file: the job for a former one may be waiting still.
    files_erase(subject=f"export:{export.pk}:{uuid.uuid4().hex[:8]}", names=[export.file])
