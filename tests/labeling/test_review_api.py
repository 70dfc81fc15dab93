"""The reviews API: what the pages use, and other tools may."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from collector.models import Photo, Smiley
from collector.services import photo_withdraw
from labeling.models import Analysis, QueueEntry, Review
from labeling.services import review_record
from tests.collector.conftest import Browser, problem

LOGIN = "django.contrib.auth.backends.ModelBackend"
ROOT = "/api/v1/reviews/"
Seen = Callable[..., Photo]


@pytest.fixture(autouse=True)
def nothing_mixed_in(settings: Any) -> None:
    settings.REVIEW_GOLD_PERCENT = settings.REVIEW_GRID_CHECK_PERCENT = settings.REVIEW_RECHECK_PERCENT = 0


@pytest.fixture
def rita(staff: Any) -> Any:
    return staff("rita", role="reviewer")


@pytest.fixture
def reviewing(rita: Any) -> Browser:
    browser = Browser()
    browser.client.force_login(rita, backend=LOGIN)
    return browser


def claim(browser: Browser, **asked: Any) -> list[dict[str, Any]]:
    answer = browser.post_json(f"{ROOT}claims/", asked)
    assert answer.status_code == 200, answer.content
    photos: list[dict[str, Any]] = answer.json()["photos"]
    return photos


def judge(browser: Browser, *verdicts: dict[str, Any], mode: str = "single") -> list[dict[str, Any]]:
    answer = browser.post_json(ROOT, {"mode": mode, "verdicts": verdicts})
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["problem"] and result["problem"]["code"] for result in results]


def test_claimed_photo_is_told_with_all_that_is_needed_to_show_it(
    seen_photo: Seen, reviewing: Browser
) -> None:
    photo = seen_photo()
    photo.faces.update(transform=[[0.5, 0, -20], [0, 0.5, -10]])
    Analysis.objects.create(photo=photo, perceptual_hash=0, flags={"dark": 20.0})
    (card,) = claim(reviewing)
    face = photo.faces.get()
    assert card == {
        "photo": str(photo.pk),
        "smiley": "tongue",
        "image": f"/photos/{photo.pk}/image/",
        "crop": f"/faces/{face.pk}/crop/",
        "width": photo.width,
        "height": photo.height,
        "outline": [[40, 20], [552, 20], [552, 532], [40, 532]],
        "flags": ["dark"],
    }
    assert reviewing.get(card["image"]).status_code == 200
    assert reviewing.get(card["crop"]).status_code == 200


def test_outline_is_the_crops_square_carried_back(seen_photo: Seen) -> None:
    from ml.geometry import Similarity

    face = seen_photo().faces.get()
    face.transform = [[0.3, -0.4, 12.5], [0.4, 0.3, -7.25]]
    square = [[0, 0], [256, 0], [256, 256], [0, 256]]
    there = Similarity.from_list(face.transform).inverse().apply(square)
    assert face.crop_outline() == [pytest.approx(corner) for corner in there]


def test_photo_without_a_face_has_no_crop(seen_photo: Seen, reviewing: Browser) -> None:
    photo = seen_photo()
    photo.faces.all().delete()
    (card,) = claim(reviewing)
    assert (card["crop"], card["outline"]) == (None, None)


def test_verdicts_of_a_page_are_recorded_each(seen_photo: Seen, reviewing: Browser, rita: Any) -> None:
    photos = [seen_photo() for _ in range(4)]
    cards = claim(reviewing, count=24, mode="grid")
    assert {card["photo"] for card in cards} == {str(photo.pk) for photo in photos}
    said = [
        {"verdict": "match", "seconds": 0.5},
        {"verdict": "unclear"},
        {"verdict": "reject", "reason": "not_alone"},
        {"verdict": "other", "smiley": "grin"},
    ]
    verdicts = [{"photo": card["photo"], **words} for card, words in zip(cards, said, strict=True)]
    results = judge(reviewing, *verdicts, mode="grid")
    assert codes(results) == [None] * 4
    kept = Review.objects.filter(reviewer=rita).order_by("pk")
    assert [review.pk for review in kept] == [result["review"] for result in results]
    assert list(kept.values_list("verdict", "reason", "smiley__slug", "seconds", "mode")) == [
        ("match", "", None, 0.5, "grid"),
        ("unclear", "", None, None, "grid"),
        ("reject", "not_alone", None, None, "grid"),
        ("other", "", "grin", None, "grid"),
    ]


def test_what_cannot_be_recorded_is_said_and_the_rest_is_recorded(
    seen_photo: Seen, reviewing: Browser, rita: Any, staff: Any
) -> None:
    decided, hidden, withdrawn, held, own, fine = [seen_photo() for _ in range(6)]
    bob, carol = staff("bob"), staff("carol")
    for somebody in (bob, carol):
        review_record(photo=decided, reviewer=somebody, verdict="match")
    review_record(photo=hidden, reviewer=bob, verdict="reject", reason="indecent")
    gone = withdrawn.pk
    photo_withdraw(photo=withdrawn, actor="participant")
    QueueEntry.objects.filter(photo=held).update(
        claimed_by=bob, claimed_until=timezone.now() + timedelta(minutes=5)
    )
    reviewing.become(own.participant)
    incomplete = seen_photo()
    verdicts = [
        {"photo": str(photo), "verdict": "match"}
        for photo in (decided.pk, hidden.pk, gone, held.pk, own.pk, uuid.uuid4(), fine.pk)
    ]
    results = judge(reviewing, *verdicts, {"photo": str(incomplete.pk), "verdict": "reject"}, verdicts[-1])
    assert codes(results) == [
        "photo_decided",
        "photo_hidden",
        "photo_gone",
        "photo_claimed",
        "own_photo",
        "photo_gone",
        None,
        "verdict_incomplete",
        None,
    ]
    assert results[6]["review"] == results[8]["review"], "the same again changes nothing"
    for result in results:
        if result["problem"]:
            assert result["review"] is None
            assert result["problem"]["detail"].endswith(".")
    assert list(Review.objects.filter(reviewer=rita).values_list("photo", flat=True)) == [fine.pk]


def test_another_verdict_on_the_same_photo_is_refused(seen_photo: Seen, reviewing: Browser) -> None:
    photo = seen_photo()
    said = {"photo": str(photo.pk), "verdict": "match"}
    assert codes(judge(reviewing, said)) == [None]
    assert codes(judge(reviewing, {**said, "verdict": "unclear"})) == ["reviewed_before"]
    assert Review.objects.get().verdict == "match"


@pytest.mark.database
@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ({"verdict": "other", "smiley": "sneer"}, "smiley_unknown"),
        ({"verdict": "other", "smiley": "\0"}, "validation_failed"),
        ({"verdict": "love"}, "validation_failed"),
        ({"verdict": "reject", "reason": "boredom"}, "validation_failed"),
        ({"verdict": "match", "seconds": "a while"}, "validation_failed"),
        ({"verdict": "match", "photo": "1"}, "validation_failed"),
        ({}, "validation_failed"),
        ([], "validation_failed"),
    ],
)
def test_body_that_cannot_be_understood_records_nothing(
    seen_photo: Seen, reviewing: Browser, verdict: Any, code: str
) -> None:
    fine, other = seen_photo(), seen_photo()
    if isinstance(verdict, dict):
        verdict = {"photo": str(other.pk), **verdict}
    body = {"verdicts": [{"photo": str(fine.pk), "verdict": "match"}, verdict]}
    problem(reviewing.post_json(ROOT, body), 400, code)
    assert not Review.objects.exists()


def test_inactive_smiley_is_no_verdict(seen_photo: Seen, reviewing: Browser) -> None:
    Smiley.objects.filter(slug="grin").update(active=False)
    body = {"verdicts": [{"photo": str(seen_photo().pk), "verdict": "other", "smiley": "grin"}]}
    problem(reviewing.post_json(ROOT, body), 400, "smiley_unknown")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"count": 0}, "validation_failed"),
        ({"count": 1000}, "validation_failed"),
        ({"mode": "blindfold"}, "validation_failed"),
        ({"filters": {"colour": "blue"}}, "filter_unknown"),
        ({"filters": {"smiley": "sneer"}}, "filter_unusable"),
        ({"filters": {"since": ["a"]}}, "validation_failed"),
        ({"filters": "kiss"}, "validation_failed"),
        ({"holding": ["x"]}, "validation_failed"),
    ],
)
def test_claim_that_cannot_be_understood_holds_nothing(
    seen_photo: Seen, reviewing: Browser, asked: dict[str, Any], code: str
) -> None:
    seen_photo()
    problem(reviewing.post_json(f"{ROOT}claims/", asked), 400, code)
    assert not QueueEntry.objects.held().exists()


def test_too_many_at_once_are_refused(seen_photo: Seen, reviewing: Browser, rita: Any) -> None:
    photo = seen_photo()
    QueueEntry.objects.filter(photo=photo).update(
        claimed_by=rita, claimed_until=timezone.now() + timedelta(minutes=5)
    )
    from labeling import claims

    assert claims.MOST_HELD == 200
    claim(reviewing, count=100)
    seen_photo()
    assert len(claim(reviewing, count=100)) == 2


def test_filters_and_the_photos_in_hand_are_heeded(seen_photo: Seen, reviewing: Browser) -> None:
    kiss, tongue = seen_photo("kiss"), seen_photo("tongue")
    assert [card["photo"] for card in claim(reviewing, filters={"smiley": "kiss"})] == [str(kiss.pk)]
    assert claim(reviewing, filters={"smiley": "kiss"}, holding=[str(kiss.pk)]) == []
    assert [card["photo"] for card in claim(reviewing, holding=[str(kiss.pk)])] == [str(tongue.pk)]


def test_released_photos_go_to_others(seen_photo: Seen, reviewing: Browser) -> None:
    photo = seen_photo()
    claim(reviewing)
    answer = reviewing.post_json(f"{ROOT}release/", {"photos": [str(photo.pk), str(uuid.uuid4())]})
    assert answer.status_code == 204
    assert not QueueEntry.objects.held().exists()


def test_undone_verdicts_bring_their_photos_back(seen_photo: Seen, reviewing: Browser, staff: Any) -> None:
    photos = [seen_photo() for _ in range(2)]
    results = judge(reviewing, *({"photo": str(photo.pk), "verdict": "match"} for photo in photos))
    pks = [result["review"] for result in results]
    alien = review_record(photo=photos[0], reviewer=staff("bob"), verdict="unclear").pk
    given = reviewing.get(ROOT).json()["results"]
    assert [one["review"] for one in given] == pks[::-1]
    assert given[0]["photo"] == str(photos[1].pk)
    answer = reviewing.post_json(f"{ROOT}undo/", {"reviews": [*pks, pks[0], alien, 2**61]})
    undone = answer.json()["results"]
    assert codes(undone) == [None, None, *["review_unknown"] * 3]
    assert [result["photo"] and result["photo"]["photo"] for result in undone[:2]] == [
        str(photo.pk) for photo in photos
    ]
    assert reviewing.get(ROOT).json()["results"] == []
    assert codes(judge(reviewing, {"photo": str(photos[1].pk), "verdict": "unclear"})) == [None]


def test_what_others_said_is_told_to_who_has_judged_and_undoes_nothing_any_more(
    seen_photo: Seen, reviewing: Browser, staff: Any
) -> None:
    photo = seen_photo()
    alien = review_record(
        photo=photo, reviewer=staff("bob"), verdict="other", smiley=Smiley.objects.get(slug="grin")
    )
    problem(reviewing.post_json(f"{ROOT}reveal/", {"review": alien.pk}), 404, "review_unknown")
    (given,) = judge(reviewing, {"photo": str(photo.pk), "verdict": "match"})
    answer = reviewing.post_json(f"{ROOT}reveal/", {"review": given["review"]})
    assert answer.json() == {"others": ["is another smiley: :D"]}
    assert b"bob" not in answer.content
    undone = reviewing.post_json(f"{ROOT}undo/", {"reviews": [given["review"]]}).json()["results"]
    assert codes(undone) == ["undo_too_late"]
    assert reviewing.get(ROOT).json()["results"] == []
    assert Review.objects.standing().count() == 2


def test_answer_does_not_tell_gold_from_other_photos(
    seen_photo: Seen, reviewing: Browser, staff: Any, settings: Any
) -> None:
    from labeling.checks import gold_mark
    from labeling.services import label_import

    golden, plain = seen_photo(), seen_photo()
    label_import(photo=golden, smiley=golden.smiley)
    gold_mark(photo=golden, reviewer=staff("mona"))
    settings.REVIEW_GOLD_PERCENT = 100
    (first,) = claim(reviewing, count=1)
    settings.REVIEW_GOLD_PERCENT = 0
    (second,) = claim(reviewing, count=1)
    assert (first["photo"], second["photo"]) == (str(golden.pk), str(plain.pk))
    assert first.keys() == second.keys()
    results = judge(reviewing, *({"photo": card["photo"], "verdict": "match"} for card in (first, second)))
    assert codes(results) == [None, None]
    assert results[0].keys() == results[1].keys()
    assert "gold" not in str(reviewing.get(ROOT).json())


@pytest.mark.parametrize("route", ["", "claims/", "release/", "undo/", "reveal/"])
def test_api_is_for_reviewers_and_their_own_page_only(
    seen_photo: Seen, reviewing: Browser, staff: Any, route: str
) -> None:
    photo = seen_photo()
    norole = Browser()
    norole.client.force_login(staff("norole"), backend=LOGIN)
    for visitor in (Browser(), Browser(photo.participant), norole):
        assert visitor.post_json(ROOT + route, {}).status_code == 403
    problem(reviewing.post_json(ROOT + route, {}, token="x" * 64), 403, "csrf_failed")
