"""Of photos that are nearly the same, one, all or none is kept."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.duplicate_rulings import duplicates_rule, groups_waiting
from labeling.models import DroppedDuplicate, NearDuplicate, QueueEntry
from labeling.services import photo_reopen, review_record
from operations.problems import Problem
from tests.collector.conftest import Browser

pytestmark = pytest.mark.database


@pytest.fixture
def tied(seen_photo: Callable[..., Photo]) -> list[Photo]:
    """Three photos of which the first is near the second, and the second near the third."""
    photos = [seen_photo() for _ in range(3)]
    for one, other in (photos[:2], photos[1:]):
        NearDuplicate.of(one, other, bits=2, difference=3.0).save()
    return photos


def states(photos: list[Photo]) -> list[str]:
    return [Photo.objects.get(pk=photo.pk).state for photo in photos]


def test_what_hangs_together_is_shown_together(tied: list[Photo], seen_photo: Callable[..., Photo]) -> None:
    pair = [seen_photo(), seen_photo()]
    NearDuplicate.of(*pair, bits=1, difference=1.0).save()
    assert [group.photos for group in groups_waiting()] == [pair, tied]
    assert [group.people for group in groups_waiting()] == [2, 3]


@pytest.mark.parametrize(("keep", "left"), [([1], [1]), ([0, 1, 2], [0, 1, 2]), ([], [])])
def test_one_all_or_none_is_kept(tied: list[Photo], staff: Any, keep: list[int], left: list[int]) -> None:
    ids = [photo.pk for photo in tied]
    duplicates_rule(photos=ids, keep=[ids[index] for index in keep], reviewer=staff("mona"))
    assert states(tied) == ["in_review" if index in left else "rejected" for index in range(3)]
    assert set(QueueEntry.objects.values_list("pk", flat=True)) == {ids[index] for index in left}
    assert groups_waiting() == []


def test_a_dropped_photo_stays_dropped_until_it_is_opened_again(tied: list[Photo], staff: Any) -> None:
    ids = [photo.pk for photo in tied]
    ann, mona = staff("ann", role="reviewer"), staff("mona")
    review_record(photo=tied[0], reviewer=ann, verdict="match")
    duplicates_rule(photos=ids, keep=ids[1:], reviewer=mona)
    with pytest.raises(Problem):
        review_record(photo=tied[0], reviewer=mona, verdict="match")
    assert states(tied) == ["rejected", "in_review", "in_review"]
    photo_reopen(photo=tied[0], reviewer=mona)
    assert states(tied)[0] == "in_review"
    assert not DroppedDuplicate.objects.exists()


def test_a_stale_page_changes_nothing(tied: list[Photo], staff: Any) -> None:
    ids, mona = [photo.pk for photo in tied], staff("mona")
    duplicates_rule(photos=ids, keep=ids, reviewer=mona)
    with pytest.raises(Problem) as refused:
        duplicates_rule(photos=ids, keep=[], reviewer=mona)
    assert refused.value.code == "group_changed"
    photo_withdraw(photo=tied[2], actor="participant")
    with pytest.raises(Problem) as refused:
        duplicates_rule(photos=ids, keep=[], reviewer=mona)
    assert refused.value.code == "group_changed"
    assert states(tied[:2]) == ["in_review", "in_review"]


def test_the_page_keeps_one(tied: list[Photo], staff: Any) -> None:
    browser = Browser()
    manager = staff("mona", role="manager")
    browser.client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    assert "3 photos of 3 people" in browser.get("/admin/duplicates/").content.decode()
    body = {"photos": [str(photo.pk) for photo in tied], "keep": str(tied[0].pk)}
    browser.post("/admin/duplicates/", body)
    assert states(tied) == ["in_review", "rejected", "rejected"]
    browser.post("/admin/duplicates/", {**body, "keep": "whatever"})
    assert states(tied) == ["in_review", "rejected", "rejected"]
