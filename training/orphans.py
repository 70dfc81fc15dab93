"""Files of this room that no row knows: what is left when a freeze, a revision, a training or a pack is killed between
writing its file and writing its row."""

from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from operations.private_files import files_before

from .manifests import files_of
from .models import DatasetVersion, Export, ModelVersion, PackShard


def orphans_erase() -> None:
    """Only files older than ORPHAN_HOURS go, for a younger one's row may be about to be committed."""
    before = timezone.now() - timedelta(hours=settings.ORPHAN_HOURS)
    folders = ("datasets", "models", "exports", "packs")
    stored = [name for folder in folders for name in files_before(folder, before)]
    # Read after the files are listed: a row that comes meanwhile is of a file that is younger.
    manifests = DatasetVersion.objects.values_list("manifest", flat=True)
    known = {name for manifest in manifests for name in files_of(manifest)}
    known |= set(Export.objects.kept().values_list("file", flat=True))
    known |= set(PackShard.objects.values_list("file", flat=True))
    for artifact, files in ModelVersion.objects.values_list("artifact", "files"):
        known |= {f"{artifact}/{name}" for name in files}
    for name in stored:
        if name not in known:
            default_storage.delete(name)
