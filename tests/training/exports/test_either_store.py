"""One way through the whole house, with files in a folder and with files in an object store."""

import hashlib
import io
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from collector.models import Participant, Photo, Smiley, Tombstone
from collector.services import participant_withdraw, photo_submit
from labeling.masking import masks_wanted
from labeling.models import MaskedFace
from labeling.services import label_import
from ml.data.manifest import read_packed
from operations.stores.base import PrivateStore
from tests.operations.conftest import visitor
from tests.storage import all_files
from tests.training.planted import work
from training.datasets import dataset_freeze
from training.exports.models import Export
from training.exports.services import export_link, export_request
from training.manifests import files_of
from training.models import DatasetVersion
from training.packing import dataset_pack

from .conftest import accepted_photo

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_photo_comes_in_goes_out_and_is_taken_back(
    either_store: PrivateStore,
    participant: Participant,
    astronaut_jpeg: bytes,
    staff: Callable[..., Any],
    tmp_path: Path,
) -> None:
    smiley = Smiley.objects.get(slug="tongue")
    sent, _ = photo_submit(
        participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg
    )
    work("labeling.analyse_photo")
    face = sent.faces.get(is_subject=True)
    masks_wanted(face_id=face.pk, count=1)
    label_import(photo=Photo.objects.get(pk=sent.pk), smiley=smiley)
    other = accepted_photo("grin", Participant.objects.create(), 1, batch=batch())
    masked = MaskedFace.objects.get(face=face)
    names = [sent.file, face.crop, masked.image, masked.alpha]
    assert all(default_storage.exists(name) for name in names)

    manager = visitor()
    manager.force_login(staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    seen = b"".join(manager.get(f"/photos/{sent.pk}/image/", secure=True).streaming_content)
    assert hashlib.sha256(seen).hexdigest() == sent.sha256

    version, _ = dataset_freeze(actor="system")
    assert manifest_of(version) == {str(sent.pk), str(other.pk)}
    export, _ = export_request(version=version, format="masked", actor="x", announced=False)
    work("training.export")
    export.refresh_from_db()
    whole = download(export)
    assert hashlib.sha256(whole).hexdigest() == export.sha256
    assert export.photos == 2
    dataset_pack(version=version, size=48, out=tmp_path / "pack")
    assert set(read_packed(tmp_path / "pack", verify=True).ids.tolist()) == {str(sent.pk), str(other.pk)}
    assert any(name.startswith("packs/") for name in all_files(either_store))

    participant_withdraw(participant=participant, actor="participant")
    work("collector.erase_files", "training.revise_dataset", "training.export")
    there = all_files(either_store)
    export.refresh_from_db()
    version.refresh_from_db()
    assert set(there) == {other.file, other.faces.get().crop, *files_of(version.manifest), export.file}
    assert manifest_of(version) == {str(other.pk)}
    assert Tombstone.objects.get(pk=sent.pk).dataset_versions == [version.number]
    assert visitor().get(f"/photos/{sent.pk}/image/", secure=True).status_code == 404
    with tarfile.open(fileobj=io.BytesIO(download(export))) as tar:
        assert [name for name in tar.getnames() if str(sent.pk) in name] == []
        stones = tar.extractfile(f"smielfy-{export}/tombstones.csv")
        assert stones is not None
        assert str(sent.pk) in stones.read().decode()


def batch() -> Any:
    from labeling.imports import batch_open

    return batch_open(source="A corpus", licence="research only", legal_basis="research")


def manifest_of(version: DatasetVersion) -> set[str]:
    with default_storage.open(version.manifest, "rb") as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == version.sha256
    return {json.loads(line)["photo"] for line in content.splitlines()}


def download(export: Export) -> bytes:
    """In two pieces, the second asked for as one resumes."""
    link = f"/api/v1/exports/files/{export_link(export=export, actor='x')}/"
    half = export.size // 2
    first = visitor().get(link, secure=True, headers={"Range": f"bytes=0-{half - 1}"})
    rest = visitor().get(link, secure=True, headers={"Range": f"bytes={half}-", "If-Range": first["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    return b"".join([*first.streaming_content, *rest.streaming_content])
