"""Pictures that were taken back from an import stay out of it, however often it is repeated."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable

from django.utils.translation import gettext as _

from operations.problems import Problem

from .models import ImportBatch, Photo, Tombstone, WithdrawnImport


def import_refuse_withdrawn(
    *, batch: ImportBatch, client_id: uuid.UUID, upload_sha256: str, photo_id: uuid.UUID | None = None
) -> None:
    """Raises Problem (withdrawn_before) for what was in this import once and was taken back, and for a photo that
    brings along the id of one that was withdrawn, here or where it was given."""
    digests = _digests(batch.pk, client_id, upload_sha256)
    stones = WithdrawnImport.objects.filter(digest__in=digests).order_by("withdrawn_at")
    withdrawn_at = stones.values_list("withdrawn_at", flat=True).first()
    if withdrawn_at is None and photo_id is not None:
        withdrawn_at = Tombstone.objects.filter(pk=photo_id).values_list("withdrawn_at", flat=True).first()
    if withdrawn_at is not None:
        raise Problem(
            "withdrawn_before",
            _("It was withdrawn from this import on %(day)s, and stays out of it.")
            % {"day": f"{withdrawn_at:%Y-%m-%d}"},
            status=410,
        )


def imports_note_withdrawn(photos: Iterable[Photo]) -> None:
    """Remember those of these photos that came by an import, in the transaction that takes them back."""
    stones = [
        WithdrawnImport(digest=digest)
        for photo in photos
        if photo.import_batch_id is not None
        for digest in _digests(photo.import_batch_id, photo.client_id, photo.upload_sha256)
    ]
    WithdrawnImport.objects.bulk_create(stones, batch_size=500, ignore_conflicts=True)


def _digests(batch_id: uuid.UUID, client_id: uuid.UUID, upload_sha256: str) -> list[str]:
    """Of the content, and of the place in the import: a film's frame may be encoded otherwise the next time."""
    # The key is the import's random id and not the site's secret, whose change must bring nothing back.
    return [
        hmac.digest(batch_id.bytes, what.encode(), hashlib.sha256).hex()
        for what in (f"content {upload_sha256}", f"place {client_id}")
    ]
