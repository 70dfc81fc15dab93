"""Files of this room that no row knows: what is left when a freeze, a revision or a training is killed between
writing its file and writing its row."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from operations.private_files import part_name

from .models import DatasetVersion, Export, ModelVersion


def orphans_erase() -> None:
    """Only files older than ORPHAN_HOURS go, for a younger one's row may be about to be committed."""
    before = timezone.now() - timedelta(hours=settings.ORPHAN_HOURS)
    stored = [name for folder in ("datasets", "models", "exports") for name in _stored(folder)]
    # Read after the files are listed: a row that comes meanwhile is of a file that is younger.
    known = set(DatasetVersion.objects.values_list("manifest", flat=True))
    for name in Export.objects.kept().values_list("file", flat=True):
        known |= {name, part_name(name)}
    for artifact, files in ModelVersion.objects.values_list("artifact", "files"):
        known |= {f"{artifact}/{name}" for name in files}
    for name in stored:
        if name not in known and default_storage.get_modified_time(name) < before:
            default_storage.delete(name)


def _stored(folder: str) -> Iterator[str]:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in names)
    for inner in folders:
        yield from _stored(f"{folder}/{inner}")
