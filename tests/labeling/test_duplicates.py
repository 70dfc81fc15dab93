"""Photos that are nearly the same are found, of one person and across, and forgotten when one is withdrawn."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.db import connections
from django.utils import timezone
from PIL import Image

from collector.models import Participant, Photo, Smiley
from collector.services import photo_submit, photo_withdraw
from labeling import duplicates
from labeling.analysis import photo_analyse
from labeling.duplicates import crowded_compare, photo_compare
from labeling.models import BANDS, Analysis, NearDuplicate, hash_bands
from labeling.selectors import near_duplicates, photo_chips
from ml.faces.phash import NEAR_BITS
from tests.collector.pictures import jpeg_of
from tests.conftest import jpeg
from tests.operations.conftest import do_round

from .conftest import newcomer

Send = Callable[..., Photo]


@pytest.fixture
def send(private_folder: Path, smiley: Smiley) -> Send:
    """Send a picture and have it looked at."""

    def give(picture: np.ndarray, participant: Participant | None = None, **options: Any) -> Photo:
        photo, _ = photo_submit(
            participant=participant or newcomer(),
            smiley=smiley,
            client_id=uuid.uuid4(),
            data=jpeg(picture, **options),
        )
        photo_analyse(photo_id=photo.pk)
        return photo

    return give


def copies(picture: np.ndarray) -> dict[str, tuple[np.ndarray, dict[str, int]]]:
    return {
        "compressed": (picture, {"quality": 35}),
        "smaller": (cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), {}),
        "brighter": (np.clip(picture * 0.8 + 25, 0, 255).astype(np.uint8), {}),
    }


@pytest.mark.parametrize("kind", ["compressed", "smaller", "brighter"])
def test_copy_is_found_whatever_was_done_to_it(send: Send, astronaut: np.ndarray, kind: str) -> None:
    first = send(astronaut)
    picture, options = copies(astronaut)[kind]
    second = send(picture, **options)
    pair = NearDuplicate.objects.get()
    assert (pair.photo, pair.other, pair.same_participant) == (second, first, False)
    assert pair.bits <= NEAR_BITS
    assert 0 <= pair.difference <= 14


def test_reviewers_are_told_of_whom_the_other_is(
    send: Send, astronaut: np.ndarray, client: Any, staff: Any
) -> None:
    one, another = newcomer(), newcomer()
    first = send(astronaut, one)
    assert photo_chips(first) == []
    send(astronaut, one, quality=40)
    assert [chip.label for chip in photo_chips(first)] == ["nearly another photo of this person"]
    third = send(astronaut, another, quality=60)
    labels = ["nearly another photo of this person", "nearly a photo of somebody else"]
    assert [chip.label for chip in photo_chips(first)] == labels
    assert [chip.label for chip in photo_chips(third)] == ["nearly 2 photos of other people"]
    assert photo_chips(third)[0].unit == "of 64 bits apart"

    client.force_login(staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    shown = client.get(f"/admin/collector/photo/{third.pk}/change/", secure=True).content.decode()
    assert f"/admin/collector/photo/{first.pk}/change/" in shown
    claimed = client.post("/api/v1/reviews/claims/", {}, content_type="application/json", secure=True).json()
    assert {card["photo"]: card["flags"] for card in claimed["photos"]}[str(first.pk)] == labels


def test_another_expression_before_the_same_wall_is_another_photo(send: Send, astronaut: np.ndarray) -> None:
    """The hash of the whole picture does not see it, so the pixels about the face have to."""
    first = send(astronaut)
    talking = astronaut.copy()
    talking[155:172, 205:245] = (70, 20, 25)  # a wide open mouth
    second = send(talking)
    bits = [Analysis.objects.get(photo=photo).perceptual_hash for photo in (first, second)]
    assert ((bits[0] ^ bits[1]) & (2**64 - 1)).bit_count() <= NEAR_BITS
    assert not NearDuplicate.objects.exists()


def test_other_pictures_are_not_paired(send: Send, astronaut: np.ndarray) -> None:
    send(astronaut)
    send(np.ascontiguousarray(astronaut[:, ::-1]))
    send(astronaut[:400, 60:])
    assert not NearDuplicate.objects.exists()


def test_pictures_without_a_face_are_compared_whole(private_folder: Path, smiley: Smiley) -> None:
    for _ in range(2):
        photo, _ = photo_submit(
            participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of(_scene())
        )
        photo_analyse(photo_id=photo.pk)
    assert NearDuplicate.objects.count() == 1


def _scene() -> Image.Image:
    y, x = np.mgrid[:300, :400]
    waves = 120 + 60 * np.sin(x / 31) + 50 * np.cos(y / 23 + x / 90)
    return Image.fromarray(np.repeat(waves[..., None], 3, axis=2).astype(np.uint8))


def test_pair_goes_with_either_photo(send: Send, astronaut: np.ndarray) -> None:
    first, second, third = (send(astronaut, quality=quality) for quality in (90, 50, 35))
    assert NearDuplicate.objects.count() == 3
    photo_withdraw(photo=second, actor="participant")
    assert set(NearDuplicate.objects.values_list("photo", "other")) == {(third.pk, first.pk)}
    photo_withdraw(photo=first, actor="participant")
    assert not NearDuplicate.objects.exists()


def test_what_a_kill_left_uncompared_is_compared_by_the_round(send: Send, astronaut: np.ndarray) -> None:
    first, second = send(astronaut), send(astronaut, quality=50)
    NearDuplicate.objects.all().delete()
    Analysis.objects.filter(photo=second).update(compared=False)
    do_round("labeling.compare_photos")
    assert not NearDuplicate.objects.exists(), "its worker may be about to"
    Analysis.objects.filter(photo=second).update(analysed_at=timezone.now() - timedelta(minutes=5))
    do_round("labeling.compare_photos")
    assert list(near_duplicates(first)) == list(near_duplicates(second)) != []
    assert not Analysis.objects.filter(compared=False).exists()
    assert photo_compare(photo_id=second.pk) == 0


def test_photo_whose_file_is_gone_is_in_no_pair(
    send: Send, astronaut: np.ndarray, private_folder: Path
) -> None:
    first = send(astronaut)
    (private_folder / first.file).unlink()
    send(astronaut, quality=50)
    assert not NearDuplicate.objects.exists()


def test_crowd_of_copies_costs_a_bounded_number_of_looks(
    send: Send, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_AT_MOST", 2)
    for quality in (90, 80, 70, 60, 50):
        send(astronaut, quality=quality)
    last = send(astronaut, quality=40)
    assert NearDuplicate.objects.filter(photo=last).count() == 2
    assert Analysis.objects.get(photo=last).crowded


def test_others_are_not_crowded_out_by_the_same_person(
    send: Send, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_AT_MOST", 1)
    stranger, one = send(astronaut, quality=85), newcomer()
    for quality in (80, 75):
        send(astronaut, one, quality=quality)
    last = send(astronaut, one, quality=70)
    assert NearDuplicate.objects.filter(photo=last, other=stranger).exists()
    assert not Analysis.objects.get(photo=last).crowded


def test_photo_of_a_crowd_is_compared_with_those_that_matter(
    send: Send, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_AT_MOST", 1)
    photos = [send(astronaut, quality=quality) for quality in (90, 80, 70)]
    NearDuplicate.objects.all().delete()
    wanted, last = Photo.objects.filter(pk=photos[0].pk), Photo.objects.filter(pk=photos[2].pk)
    assert crowded_compare(photos=last, among=wanted, watch=lambda: None) == 0
    assert set(NearDuplicate.objects.values_list("photo", "other")) == {(photos[2].pk, photos[0].pk)}
    assert crowded_compare(photos=last, among=Photo.objects.all(), watch=lambda: None) == 1
    assert NearDuplicate.objects.count() <= 2, "noted once"


def test_hashes_that_differ_in_four_bits_share_a_band() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        one = int(rng.integers(-(2**63), 2**63))
        other = one
        for bit in rng.choice(64, NEAR_BITS, replace=False):
            other ^= 1 << int(bit)
        other = other - 2**64 if other >= 2**63 else other
        pairs = zip(hash_bands(one).values(), hash_bands(other).values(), strict=True)
        assert any(a == b for a, b in pairs)
    assert len(hash_bands(-1)) == BANDS == NEAR_BITS + 1


def test_bands_in_the_database_are_those_that_are_looked_for(send: Send, astronaut: np.ndarray) -> None:
    send(astronaut)
    for value in (-1, -(2**63), 2**63 - 1, 123456789123456789):
        Analysis.objects.update(perceptual_hash=value)
        assert Analysis.objects.filter(**hash_bands(value)).exists()


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_copies_analysed_at_the_same_moment_are_paired_once(
    astronaut_jpeg: bytes, private_folder: Path, smiley: Smiley
) -> None:
    photos = [
        photo_submit(participant=newcomer(), smiley=smiley, client_id=uuid.uuid4(), data=astronaut_jpeg)[0]
        for _ in range(4)
    ]
    start, errors = threading.Barrier(4), []

    def look(photo: Photo) -> None:
        try:
            start.wait()
            photo_analyse(photo_id=photo.pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look, args=(photo,)) for photo in photos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert NearDuplicate.objects.count() == 6
