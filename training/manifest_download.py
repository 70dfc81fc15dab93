"""A version's manifest as a file to take along, for staff in admin and by API."""

from django.http import FileResponse

from operations.audit import audit_record
from operations.private_files import private_response
from operations.problems import Problem

from .manifests import parquet_of
from .models import DatasetVersion

MEDIA_TYPES = {"jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}


def manifest_response(version: DatasetVersion, suffix: str, *, actor: str) -> FileResponse:
    """Raises Problem for an unknown suffix; Http404 where a release that wrote no Parquet froze the version."""
    if suffix not in MEDIA_TYPES:
        raise Problem("no_manifest", f"There is no manifest.{suffix} of version {version}.", status=404)
    stored = parquet_of(version.manifest) if suffix == "parquet" else version.manifest
    response = private_response(
        stored, content_type=MEDIA_TYPES[suffix], download_as=f"smielfy-dataset-{version}.{suffix}"
    )
    audit_record(actor=actor, action="manifest_downloaded", subject=f"dataset:{version}")
    return response
