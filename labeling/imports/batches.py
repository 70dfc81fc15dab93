"""The import that pictures belong to."""

from collector.models import ImportBatch
from operations.audit import audit_record


def batch_open(*, source: str, licence: str, legal_basis: str) -> ImportBatch:
    """The batch of these pictures; the same one again for the same words, which is how an import is resumed."""
    batch = ImportBatch.objects.get_or_create(source=source, licence=licence, legal_basis=legal_basis)[0]
    audit_record(actor="system", action="import_opened", subject=f"batch:{batch.pk}", source=source)
    return batch
