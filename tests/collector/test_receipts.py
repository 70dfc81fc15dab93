"""The receipt code: the way back to one's photos, on any device and for nobody else."""

import re
from typing import Any

import pytest
from django.test import override_settings

from collector import participants
from collector.models import Participant, Photo, Receipt
from collector.receipts import ALPHABET, receipt_issue, receipt_redeem
from collector.selectors import receipt_held
from collector.services import participant_withdraw
from operations.models import AuditEvent
from operations.problems import Problem

from .conftest import Browser, problem

REDEEM = "/api/v1/receipts/redeem/"
NEW = "/receipt/new/"


def code_in(answer: Any) -> str:
    found = re.search(r"<code data-code>([^<]+)</code>", answer.content.decode())
    assert found
    return found[1]


def refusal(code: str) -> Problem:
    with pytest.raises(Problem) as refused:
        receipt_redeem(code=code)
    return refused.value


def test_code_brings_its_participant_back(participant: Participant) -> None:
    assert receipt_redeem(code=receipt_issue(participant=participant)) == participant


def test_code_can_be_copied_by_hand(participant: Participant) -> None:
    code = receipt_issue(participant=participant)
    assert re.fullmatch(rf"(?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", code)
    assert not set("AEIOU0158BSZL") & set(ALPHABET), "no vowels, and nothing that looks like another sign"


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code.lower(),
        lambda code: f"  {code} \n",
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " – "),
        lambda code: code.translate(str.maketrans("CHKMPTXY", "СНКМРТХУ")),
        lambda code: code.lower().translate(str.maketrans("chkmptxy", "снкмртху")),
        lambda code: "".join(chr(ord(sign) + 0xFEE0) for sign in code),  # as a Chinese keyboard writes them
    ],
)
def test_it_is_understood_as_people_type_it(participant: Participant, typed: Any) -> None:
    assert receipt_redeem(code=typed(receipt_issue(participant=participant))) == participant


def test_only_a_digest_is_kept(participant: Participant) -> None:
    code = receipt_issue(participant=participant)
    receipt = Receipt.objects.get()
    assert len(receipt.digest) == 64
    for row in (receipt.__dict__, *AuditEvent.objects.values()):
        assert code not in str(row)
        assert code.replace("-", "") not in str(row)


def test_a_new_code_ends_the_old_one(participant: Participant) -> None:
    old, new = receipt_issue(participant=participant), receipt_issue(participant=participant)
    assert refusal(old).code == "receipt_unknown"
    assert receipt_redeem(code=new) == participant


def test_it_survives_a_new_secret_key(participant: Participant) -> None:
    code = receipt_issue(participant=participant)
    with override_settings(SECRET_KEY="another one, for the first was lost"):
        assert receipt_redeem(code=code) == participant


def test_it_goes_with_its_participant(participant: Participant) -> None:
    code = receipt_issue(participant=participant)
    participant_withdraw(participant=participant, actor="participant")
    assert not Receipt.objects.exists()
    assert refusal(code).code == "receipt_unknown"
    with pytest.raises(Problem):
        receipt_issue(participant=participant)


@pytest.mark.database
@pytest.mark.parametrize(
    "wrong", ["", "x", "\0", "💌", "QQQQ-QQQQ-QQQQ-QQQQ", "Q" * 5000, "\ud800", "' OR 1=1"]
)
def test_whatever_is_wrong_the_answer_is_the_same(participant: Participant, wrong: str) -> None:
    receipt_issue(participant=participant)
    one, other = refusal(wrong), refusal("CCCC-CCCC-CCCC-CCCC")
    assert (one.code, one.detail, one.status) == (other.code, other.detail, other.status)


def test_who_holds_one_is_known(photo: Photo) -> None:
    assert not receipt_held(photo.participant)
    receipt_issue(participant=photo.participant)
    assert receipt_held(photo.participant)
    assert not receipt_held(None)


# --- through the API


def test_api_gives_a_code_and_takes_it_elsewhere(browser: Browser, stranger: Browser, photo: Photo) -> None:
    answer = browser.post("/api/v1/receipts/")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    back = stranger.post_json(REDEEM, {"code": answer.json()["code"]})
    assert (back.status_code, back.content) == (204, b"")
    cookie = back.cookies[participants.COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert [mine["id"] for mine in stranger.get("/api/v1/photos/").json()["results"]] == [str(photo.pk)]


def test_api_refuses_wrong_codes_alike(stranger: Browser) -> None:
    body = problem(stranger.post_json(REDEEM, {"code": "CCCC-CCCC-CCCC-CCCC"}), 404, "receipt_unknown")
    assert problem(stranger.post_json(REDEEM, {"code": "hello"}), 404, "receipt_unknown") == body
    problem(stranger.post_json(REDEEM, {}), 400, "validation_failed")
    assert participants.COOKIE not in stranger.client.cookies
    assert AuditEvent.objects.filter(action="receipt_refused").count() == 2


def test_a_code_is_only_for_participants_and_needs_the_csrf_token(
    stranger: Browser, browser: Browser
) -> None:
    problem(stranger.post("/api/v1/receipts/"), 403, "consent_required")
    problem(browser.post("/api/v1/receipts/", token=""), 403, "csrf_failed")
    problem(stranger.post_json(REDEEM, {"code": "x"}, token=""), 403, "csrf_failed")
    assert not Receipt.objects.exists()


def test_tries_from_one_address_are_few(
    stranger: Browser, settings: Any, counting_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from operations.throttling import ReceiptThrottle

    monkeypatch.setattr(ReceiptThrottle, "rate", "3/hour", raising=False)
    answers = [stranger.post_json(REDEEM, {"code": "x"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert int(answers[-1].headers["Retry-After"]) > 60
    assert stranger.post("/receipt/", {"code": "x"}).status_code == 429, "the page counts with the API"


# --- on the pages


def test_page_shows_a_code_once_and_takes_it_elsewhere(
    browser: Browser, stranger: Browser, photo: Photo
) -> None:
    assert "Show me my code" in browser.get("/photos/").content.decode()
    code = code_in(browser.post(NEW))
    assert code not in browser.get("/photos/").content.decode()
    back = stranger.post("/receipt/", {"code": code.lower()})
    assert (back.status_code, back.headers["Location"]) == (302, "/photos/")
    assert str(photo.pk) in stranger.get("/photos/").content.decode()


def test_page_says_what_is_wrong_and_does_not_say_it_back(stranger: Browser) -> None:
    answer = stranger.post("/receipt/", {"code": "HELL-0000"})
    assert answer.status_code == 404
    assert "No photos belong to this code." in answer.content.decode()
    assert "HELL-0000" not in answer.content.decode()


def test_page_warns_before_photos_are_left_behind(browser: Browser, stranger: Browser, photo: Photo) -> None:
    assert "photos of its own" in browser.get("/receipt/").content.decode()
    assert "photos of its own" not in stranger.get("/receipt/").content.decode()


def test_newcomer_is_asked_for_a_code(browser: Browser, stranger: Browser) -> None:
    assert "Been here before" in stranger.get("/consent/").content.decode()
    assert "Been here before" not in browser.get("/consent/").content.decode()


def test_code_is_in_no_log(browser: Browser, stranger: Browser, photo: Photo, caplog: Any) -> None:
    code = code_in(browser.post(NEW))
    stranger.post("/receipt/", {"code": code})
    stranger.post_json(REDEEM, {"code": code})
    assert code not in caplog.text
