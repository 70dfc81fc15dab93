"""What volunteers change on their own page, and what the collection asks for by counting people."""

import uuid
from typing import Any

import pytest

from collector.models import Consent, ConsentText, Participant, Photo, Scope, Smiley
from collector.selectors import consent_in_force, consent_that_holds, examples_of, smiley_next
from collector.services import consent_change, consent_give, photo_decided, photo_submit, photo_withdraw
from operations.problems import Problem

from .conftest import Browser
from .pictures import jpeg_of

CHANGE = "/consent/change/"


def change(participant: Participant, scope: str, *, allowed: bool) -> list[str]:
    return consent_change(participant=participant, scope=scope, allowed=allowed).scopes


def sent(participant: Participant, slug: str = "tongue") -> Photo:
    smiley = Smiley.objects.get(slug=slug)
    return photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of())[0]


def somebody() -> Participant:
    text = ConsentText.objects.get(language="en", version=1)
    return consent_give(participant=None, text=text, scopes=Scope.values, age_affirmed=True).participant


# --- scopes


def test_one_scope_is_changed_and_the_others_stay(participant: Participant) -> None:
    assert change(participant, "show_as_example", allowed=False) == ["train", "share_in_release"]
    assert change(participant, "share_in_release", allowed=False) == ["train"]
    assert change(participant, "show_as_example", allowed=True) == ["train", "show_as_example"]
    assert participant.consents.count() == 4, "each change is a consent of its own"


def test_without_training_there_is_nothing_left(participant: Participant) -> None:
    assert change(participant, "train", allowed=False) == []
    with pytest.raises(Problem):
        change(participant, "show_as_example", allowed=True)


def test_under_a_changed_text_one_may_allow_less_and_not_more(participant: Participant) -> None:
    change(participant, "share_in_release", allowed=False)
    ConsentText.objects.create(version=2, language="en", body=[], sha256="0" * 64)
    assert change(participant, "show_as_example", allowed=False) == ["train"]
    with pytest.raises(Problem) as refusal:
        change(participant, "show_as_example", allowed=True)
    assert refusal.value.code == "consent_outdated"


def test_a_text_that_is_not_translated_yet_is_shown_in_english_and_asked_for(
    participant: Participant,
) -> None:
    russian = ConsentText.objects.get(language="ru")
    consent_give(participant=participant, text=russian, scopes=["train"], age_affirmed=True)
    assert consent_that_holds(participant) is not None
    ConsentText.objects.create(version=2, language="en", body=[], sha256="0" * 64)
    assert consent_that_holds(participant) is None


def test_page_changes_a_scope(browser: Browser, participant: Participant) -> None:
    assert (
        browser.post(CHANGE, {"scope": "show_as_example", "allowed": "no"}).headers["Location"] == "/photos/"
    )
    assert consent_in_force(participant).scopes == ["train", "share_in_release"]
    assert browser.post(CHANGE, {"scope": "sell", "allowed": "yes"}).headers["Location"] == "/consent/"
    assert browser.post(CHANGE, {"scope": "\0"}).headers["Location"] == "/consent/"
    assert Consent.objects.count() == 2


# --- people are what is counted


def people(slug: str) -> tuple[int, int]:
    smiley = Smiley.objects.get(slug=slug)
    return smiley.accepted_count, smiley.accepted_people


def test_a_person_counts_once_for_each_smiley(private_folder: Any, db: None) -> None:
    one, other = somebody(), somebody()
    tongue, grin = (Smiley.objects.get(slug=slug) for slug in ("tongue", "grin"))
    first, second, third = sent(one), sent(one), sent(other)
    for photo in (first, second, third):
        photo_decided(photo=photo, accepted_as=tongue)
    assert people("tongue") == (3, 2)
    photo_decided(photo=second, accepted_as=tongue)
    assert people("tongue") == (3, 2), "deciding the same again changes nothing"
    photo_decided(photo=second, accepted_as=grin)
    assert (people("tongue"), people("grin")) == ((2, 2), (1, 1))
    photo_withdraw(photo=first, actor="participant")
    assert people("tongue") == (1, 1)
    photo_decided(photo=third, accepted_as=None)
    photo_decided(photo=second, accepted_as=None, open_again=True)
    assert (people("tongue"), people("grin")) == ((0, 0), (0, 0))


def test_the_smiley_that_the_fewest_people_made_comes_next(db: None) -> None:
    Smiley.objects.update(accepted_people=5, accepted_count=5)
    Smiley.objects.filter(slug="kiss").update(accepted_people=4, accepted_count=400)
    assert smiley_next(None, []).slug == "kiss"


@pytest.mark.django_db
def test_asking_for_the_next_counts_nothing(
    participant: Participant, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(2) as queries:
        smiley_next(participant, ["smile"])
    assert not any("COUNT(" in query["sql"].upper() for query in queries.captured_queries)


# --- examples


def test_nobody_is_their_own_example(participant: Participant, private_folder: Any) -> None:
    others = sent(somebody())
    tongue = Smiley.objects.get(slug="tongue")
    for photo in (sent(participant), others):
        photo_decided(photo=photo, accepted_as=tongue)
    assert list(examples_of(tongue, participant)) == [others]
    assert examples_of(tongue, None).count() == 2


# --- the pages themselves


def test_photo_that_was_accepted_as_another_says_so(browser: Browser, photo: Photo) -> None:
    photo_decided(photo=photo, accepted_as=Smiley.objects.get(slug="grin"))
    assert "Accepted as :D, thank you" in browser.get("/photos/").content.decode()
    (mine,) = browser.get("/api/v1/photos/").json()["results"]
    assert (mine["smiley"], mine["accepted_as"]) == ("tongue", "grin")


@pytest.mark.parametrize(
    "path", ["/", "/consent/", "/photos/", "/privacy/", "/receipt/", "/smileys/grin.svg"]
)
def test_pages_are_compressed(browser: Browser, path: str) -> None:
    answer = browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers.get("Content-Encoding") == "gzip"


def test_photos_are_not(browser: Browser, photo: Photo) -> None:
    answer = browser.get(f"/photos/{photo.pk}/image/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
