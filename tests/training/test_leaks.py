"""Photos of two people that are nearly the same do not stand on two sides of a data set."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.duplicate_rulings import duplicates_rule
from labeling.models import Analysis, NearDuplicate
from operations.jobs import running
from operations.models import Job
from tests.collector.conftest import Browser
from training.datasets import dataset_freeze
from training.leaks import crowds_compare
from training.models import DatasetVersion, LeftOut, SplitAssignment

pytestmark = pytest.mark.database
Sided = Callable[[str], Photo]


@pytest.fixture
def sided(accepted: Callable[..., Photo]) -> Sided:
    """An accepted photo of somebody who stands on a side already."""

    def make(split: str) -> Photo:
        photo = accepted()
        SplitAssignment.objects.create(participant=photo.participant, split=split)
        return photo

    return make


def alike(one: Photo, other: Photo, bits: int = 2, difference: float = 3.0) -> NearDuplicate:
    pair = NearDuplicate.of(one, other, bits=bits, difference=difference)
    pair.save()
    return pair


def frozen() -> DatasetVersion:
    return dataset_freeze(actor="staff:alice")[0]


def inside(version: DatasetVersion) -> set[Any]:
    return set(version.items.values_list("photo_id", flat=True))


@pytest.mark.parametrize(
    ("lower", "upper"), [("train", "test"), ("train", "validation"), ("validation", "test")]
)
def test_side_that_is_learnt_from_is_left_out_and_the_pair_is_named(
    sided: Sided, lower: str, upper: str
) -> None:
    copy, other, kept = sided(lower), sided(lower), sided(upper)
    alike(copy, kept, bits=3, difference=5.5)
    version = frozen()
    assert inside(version) == {other.pk, kept.pk}
    assert (version.photos, version.unchecked) == (2, 0)
    left = LeftOut.objects.get()
    assert (left.version, left.photo, left.kept, left.bits, left.difference) == (version, copy, kept, 3, 5.5)
    assert dataset_freeze(actor="staff:alice") == (version, False), "a second freeze finds nothing new"


def test_on_one_side_both_stay_and_so_does_what_was_alike_to_what_is_left_out(sided: Sided) -> None:
    train, twin, validation, test = (sided(split) for split in ("train", "train", "validation", "test"))
    for pair in ((train, twin), (train, validation), (validation, test)):
        alike(*pair)
    assert inside(frozen()) == {train.pk, twin.pk, test.pk}
    assert LeftOut.objects.get().photo == validation


def test_what_staff_kept_both_of_is_no_leak(sided: Sided, staff: Any) -> None:
    one, other = sided("train"), sided("test")
    alike(one, other)
    duplicates_rule(photos=[one.pk, other.pk], keep=[one.pk, other.pk], reviewer=staff("mona"))
    assert inside(frozen()) == {one.pk, other.pk}


def test_pair_of_which_one_is_not_accepted_changes_nothing(sided: Sided, seen_photo: Sided) -> None:
    one, waiting = sided("train"), seen_photo("tongue")
    SplitAssignment.objects.create(participant=waiting.participant, split="test")
    alike(one, waiting)
    assert inside(frozen()) == {one.pk}


def test_left_out_photo_comes_back_with_the_next_version_and_never_into_this_one(sided: Sided) -> None:
    copy, other, kept = sided("train"), sided("train"), sided("test")
    alike(copy, kept)
    version = frozen()
    photo_withdraw(photo=kept, actor="participant")
    for job in Job.objects.filter(kind="training.revise_dataset"):
        running.run(str(job.pk))
    version.refresh_from_db()
    assert (str(version), inside(version)) == ("1.r1", {other.pk})
    assert not LeftOut.objects.exists(), "the withdrawn photo is named nowhere"
    assert inside(frozen()) == {copy.pk, other.pk}


def test_newcomers_whose_photos_are_alike_stand_on_one_side(accepted: Callable[..., Photo]) -> None:
    photos = [accepted() for _ in range(12)]
    for one, other in zip(photos[::2], photos[1::2], strict=True):
        alike(one, other)
    assert len(inside(frozen())) == 12
    sides = {assigned.participant_id: assigned.split for assigned in SplitAssignment.objects.all()}
    for one, other in zip(photos[::2], photos[1::2], strict=True):
        assert sides[one.participant_id] == sides[other.participant_id]
    assert len(set(sides.values())) == 3


def test_only_new_photos_of_a_crowd_are_looked_at_once_more(sided: Sided) -> None:
    old = sided("train")
    Analysis.objects.create(photo=old, perceptual_hash=7, compared=True, crowded=True)
    looks: list[None] = []
    everything = Photo.objects.all()
    assert crowds_compare(photos=everything, watch=lambda: looks.append(None)) == 0
    assert len(looks) == 1
    frozen()
    assert crowds_compare(photos=everything, watch=lambda: looks.append(None)) == 0
    assert len(looks) == 1


def test_page_of_the_version_names_both_photos(sided: Sided, staff: Any) -> None:
    copy, kept = sided("train"), sided("test")
    alike(copy, kept)
    frozen()
    browser = Browser()
    browser.client.force_login(
        staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend"
    )
    page = browser.get("/admin/training/datasetversion/1/change/").content.decode()
    for photo in (copy, kept):
        assert f"/admin/collector/photo/{photo.pk}/change/" in page
