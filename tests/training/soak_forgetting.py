"""A planted photo withdrawn before, at every step of, and after a freeze, a pack, an export and a training, with files
in a folder and in an object store that keeps versions."""

from pathlib import Path
from typing import Any

import pytest

from collector.models import Participant
from operations.stores.base import PrivateStore
from operations.stores.objects import ObjectStore
from tests.labeling.conftest import newcomer

from . import forgetting
from .exports.conftest import accepted_photo
from .planted import forgotten_at_each_step
from .test_forgetting import works

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(1800),
]


@pytest.mark.parametrize("what", ["freeze", "pack", "export", "training"])
def test_withdrawn_at_every_step(
    what: str,
    either_store: PrivateStore,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    if isinstance(either_store, ObjectStore):
        either_store._client.put_bucket_versioning(
            Bucket=either_store.bucket_name, VersioningConfiguration={"Status": "Enabled"}
        )
    people: list[Participant] = [newcomer(), newcomer()]
    for number in range(4):
        accepted_photo("tongue", people[number % 2], number)
    forgetting.prepared(tmp_path, settings, monkeypatch)
    steps = forgotten_at_each_step(people, either_store, works(tmp_path)[what], tmp_path)
    print(
        f"\n{what} on {request.node.callspec.params['either_store']}: withdrawn {steps} times, nothing left"
    )
