"""What has changed from one version to the next."""

from collections.abc import Callable
from typing import Any

from collector.models import Photo, Smiley
from collector.services import photo_decided, photo_withdraw
from tests.operations.conftest import visitor
from training.datasets import dataset_freeze
from training.differences import versions_difference


def test_added_removed_and_relabelled_by_smiley(
    people: list[Photo], accepted: Callable[..., Photo], staff: Any
) -> None:
    first, _ = dataset_freeze(actor="system")
    tongues = [photo for photo in people if photo.accepted_as.slug == "tongue"]
    wink = Smiley.objects.get(slug="wink")
    for photo in tongues[:3]:
        photo_decided(photo=photo, accepted_as=wink)
    photo_decided(photo=tongues[3], accepted_as=None)
    photo_withdraw(photo=tongues[4], actor="participant")
    accepted("grin")
    accepted("wink")
    second, _ = dataset_freeze(actor="system")

    difference = versions_difference(first, second)
    assert difference.added == {"grin": 1, "wink": 1}
    assert difference.removed == {"tongue": 1}, "what was withdrawn is in neither"
    assert difference.relabelled == {("tongue", "wink"): 3}
    assert difference.rows() == [("grin", 1, 0, 0, 0), ("tongue", 0, 1, 3, 0), ("wink", 1, 0, 0, 3)]
    assert versions_difference(second, second).rows() == []

    manager = visitor()
    manager.force_login(staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    rows = manager.get("/api/v1/datasets/2/since/1/", secure=True).json()
    assert rows[1] == {
        "smiley": "tongue", "added": 0, "removed": 1, "relabelled_from": 3, "relabelled_to": 0,
    }  # fmt: skip
    page = manager.get("/admin/training/datasetversion/2/change/", secure=True).content.decode()
    assert "since version 1" in page
    assert "<td>tongue</td><td>0</td><td>1</td><td>3</td><td>0</td>" in page
