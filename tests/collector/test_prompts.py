"""What is asked for next."""

import uuid

import pytest

from collector.models import Participant, Photo, Smiley
from collector.selectors import smiley_next
from collector.services import photo_submit

from .conftest import Browser
from .pictures import jpeg_of

NEXT = "/api/v1/prompts/next/"


def send(participant: Participant, slug: str) -> Photo:
    smiley = Smiley.objects.get(slug=slug)
    return photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of())[0]


def test_there_are_seventeen_named_by_shape(stranger: Browser) -> None:
    smileys = stranger.get("/api/v1/smileys/").json()
    assert len(smileys) == 17
    assert [smiley["slug"] for smiley in smileys][:3] == ["smile", "grin", "squint-laugh"]
    assert {"slug", "glyph", "title", "how"} == set(smileys[0])


def test_without_accepted_photos_the_order_is_the_staffs(stranger: Browser) -> None:
    answer = stranger.get(NEXT).json()
    assert (answer["smiley"]["slug"], answer["done"], answer["total"]) == ("smile", [], 17)


def test_the_rarest_comes_first(stranger: Browser) -> None:
    Smiley.objects.update(accepted_count=5)
    Smiley.objects.filter(slug="kiss").update(accepted_count=4)
    assert stranger.get(NEXT).json()["smiley"]["slug"] == "kiss"


def test_skipped_and_sent_ones_do_not_come_again(
    browser: Browser, participant: Participant, kept: object
) -> None:
    send(participant, "grin")
    answer = browser.get(NEXT, data={"skipped": "smile,squint-laugh,nonsense"}).json()
    assert answer["smiley"]["slug"] == "frown"
    assert answer["done"] == ["grin"]


def test_rejected_one_comes_again(browser: Browser, participant: Participant, kept: object) -> None:
    photo = send(participant, "smile")
    assert browser.get(NEXT).json()["smiley"]["slug"] == "grin"
    Photo.objects.filter(pk=photo.pk).update(state=Photo.State.REJECTED)
    assert browser.get(NEXT).json()["smiley"]["slug"] == "smile"


def test_one_that_is_no_longer_offered_is_not_asked_for(stranger: Browser) -> None:
    Smiley.objects.filter(slug="smile").update(active=False)
    answer = stranger.get(NEXT).json()
    assert (answer["smiley"]["slug"], answer["total"]) == ("grin", 16)


@pytest.mark.django_db
def test_after_the_last_there_is_none() -> None:
    slugs = list(Smiley.objects.values_list("slug", flat=True))
    seen: list[str] = []
    while smiley := smiley_next(None, seen):
        seen.append(smiley.slug)
    assert seen == slugs


@pytest.mark.database
@pytest.mark.parametrize("skipped", ["\0", "smile,\0", "," * 3000, "x" * 5000, "%", "'", "\ud800"])
def test_no_list_of_skipped_ones_breaks_it(stranger: Browser, skipped: str) -> None:
    answer = stranger.get(NEXT, data={"skipped": skipped.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 200
