"""The pages around reviewing: where it begins, the rules, and hidden photos. What is done in the grid and singly is
tested in a browser."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from collector.models import Photo, Smiley, Tombstone
from labeling.models import Decision, SmileyQueue
from labeling.review_pages import MOST_COUNTED, smileys_waiting
from labeling.services import review_record
from operations.models import AuditEvent, Job
from tests.collector.conftest import Browser

LOGIN = "django.contrib.auth.backends.ModelBackend"
Seen = Callable[..., Photo]


@pytest.fixture
def enter(staff: Any) -> Callable[..., Browser]:
    """The browser of somebody who is signed in."""

    def open_browser(name: str, **rights: Any) -> Browser:
        browser = Browser()
        browser.client.force_login(staff(name, **rights), backend=LOGIN)
        return browser

    return open_browser


@pytest.fixture
def reviewing(enter: Callable[..., Browser]) -> Browser:
    return enter("rita", role="reviewer")


@pytest.fixture
def managing(enter: Callable[..., Browser]) -> Browser:
    return enter("mona", role="manager")


def token(browser: Browser, path: str) -> str:
    browser.get(path)
    return str(browser.client.cookies["__Host-csrftoken"].value)


def send(browser: Browser, page: str, path: str, body: dict[str, Any]) -> Any:
    return browser.post(path, body, token=token(browser, page), follow=True)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- where it begins


def test_start_says_how_many_of_each_smiley_wait(seen_photo: Seen, reviewing: Browser) -> None:
    for slug in ("kiss", "kiss", "grin"):
        seen_photo(slug)
    answer = reviewing.get("/admin/review/")
    waiting = {smiley.slug: smiley.waiting for smiley in answer.context["smileys"]}
    assert (waiting["kiss"], waiting["grin"], waiting["tongue"]) == (2, 1, 0)
    html = answer.content.decode()
    assert "/admin/review/grid/?smiley=kiss" in html
    assert "/admin/review/rules/" not in html, "not for reviewers"
    assert 'class="way way-main" type="submit" autofocus' in html, "Enter begins"


@pytest.mark.database
def test_counting_stops_where_many_is_all_one_wants_to_know(
    seen_photo: Seen, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    from labeling import review_pages

    assert MOST_COUNTED == 1000
    monkeypatch.setattr(review_pages, "MOST_COUNTED", 2)
    for _ in range(5):
        seen_photo("kiss")
    with django_assert_num_queries(1):
        assert {smiley.slug: smiley.waiting for smiley in smileys_waiting()}["kiss"] == 3


@pytest.mark.parametrize("page", ["grid", "single"])
def test_work_pages_bring_what_the_scripts_need(seen_photo: Seen, reviewing: Browser, page: str) -> None:
    seen_photo("kiss")
    answer = reviewing.get(f"/admin/review/{page}/?smiley=kiss&since=2026-01-01&flag=")
    html = answer.content.decode()
    found = re.search(r'<script id="review-settings" type="application/json">(.*?)</script>', html)
    assert found
    settings = json.loads(found[1])
    assert settings["filters"] == {"smiley": "kiss", "since": "2026-01-01"}
    assert settings["mode"] == page
    assert settings["urls"]["claims"] == "/api/v1/reviews/claims/"
    assert len(settings["smileys"]) == Smiley.objects.count()
    claims = reviewing.post_json(
        settings["urls"]["claims"],
        {"mode": page, "filters": settings["filters"]},
        token=settings["csrf"],
    )
    assert claims.status_code == 200
    assert len(claims.json()["photos"]) == 1
    assert "smiley=kiss&amp;since=2026-01-01" in html, "the other way keeps the filter"
    keys = re.findall(r'data-key="(.)"', html)
    assert sorted(keys) == sorted(["m", "u", *"1234567"])


@pytest.mark.parametrize("page", ["grid/", "single/", ""])
@pytest.mark.parametrize("query", ["smiley=sneer", "since=yesterday", "colour=blue", "participant=%00"])
def test_filter_that_is_none_is_said_where_it_can_be_changed(
    reviewing: Browser, page: str, query: str, db: None
) -> None:
    answer = reviewing.get(f"/admin/review/{page}?{query}", follow=True)
    assert answer.request["PATH_INFO"] == "/admin/review/"
    assert len(said(answer)) == 1


def test_start_asks_few_questions_of_the_database(seen_photo: Seen, reviewing: Browser) -> None:
    from django.db import connection

    for slug in ("kiss", "grin", "tongue"):
        seen_photo(slug)
    for page in ("", "grid/", "single/"):
        with CaptureQueriesContext(connection) as queries:
            assert reviewing.get(f"/admin/review/{page}").status_code == 200
        assert len(queries) <= 12


# --- rules


def test_rules_are_shown_previewed_and_changed(
    seen_photo: Seen, staff: Any, managing: Browser, reviewing: Browser
) -> None:
    photo = seen_photo()
    seen_photo("grin")
    review_record(photo=photo, reviewer=staff("alice"), verdict="match")
    page = "/admin/review/rules/"
    answer = managing.get(f"{page}?smiley=&quorum=1&majority=60")
    preview = answer.context["preview"]
    assert (preview["decided"], preview["opened"]) == (1, 0)
    assert [(smiley.slug, one.decided) for smiley, one in preview["smileys"]] == [("tongue", 1)]
    assert "Decide by this rule" in answer.content.decode()
    assert SmileyQueue.objects.get(smiley__slug="tongue").quorum == 2, "looking changes nothing"

    answer = send(managing, page, page, {"smiley": "tongue", "quorum": "1", "majority": "60"})
    assert ":P" in said(answer)[0]
    rule = SmileyQueue.objects.get(smiley__slug="tongue")
    assert (rule.quorum, rule.majority) == (1, 60)
    assert SmileyQueue.objects.get(smiley__slug="grin").quorum == 2
    assert Job.objects.filter(kind="labeling.decide_anew", subject="tongue").exists()

    send(managing, page, page, {"smiley": "", "quorum": "3", "majority": "50"})
    assert set(SmileyQueue.objects.values_list("quorum", flat=True)) == {3}
    assert SmileyQueue.objects.count() == Smiley.objects.count()


@pytest.mark.parametrize(
    "body",
    [
        {"smiley": "", "quorum": "0", "majority": "50"},
        {"smiley": "", "quorum": "many", "majority": "50"},
        {"smiley": "", "quorum": "2", "majority": "100"},
        {"smiley": "sneer", "quorum": "2", "majority": "50"},
        {},
    ],
)
def test_unusable_rule_changes_nothing_and_says_so(managing: Browser, body: dict[str, str]) -> None:
    answer = send(managing, "/admin/review/rules/", "/admin/review/rules/", body)
    assert len(said(answer)) == 1
    assert not SmileyQueue.objects.exists()
    if body:
        assert len(said(managing.get("/admin/review/rules/", data=body))) == 1


# --- hidden photos


@pytest.fixture
def hidden(seen_photo: Seen, staff: Any) -> Photo:
    photo = seen_photo()
    review_record(photo=photo, reviewer=staff("alice"), verdict="reject", reason="indecent")
    photo.refresh_from_db()
    return photo


def test_hidden_photos_are_shown_with_who_hid_them(
    hidden: Photo, seen_photo: Seen, managing: Browser
) -> None:
    seen_photo()
    answer = managing.get("/admin/review/hidden/")
    assert [photo for photo, _ in answer.context["photos"]] == [hidden]
    assert "indecent (alice" in answer.content.decode()


def test_manager_removes_a_hidden_photo_for_good(hidden: Photo, managing: Browser) -> None:
    answer = send(managing, "/admin/review/hidden/", f"/admin/review/hidden/{hidden.pk}/", {"what": "remove"})
    assert "gone for good" in said(answer)[0]
    assert not Photo.objects.exists()
    assert Tombstone.objects.get().photo_id == hidden.pk
    assert AuditEvent.objects.get(action="photo_withdrawn").actor == "staff:mona"


def test_manager_opens_a_hidden_photo_again(hidden: Photo, managing: Browser) -> None:
    answer = send(managing, "/admin/review/hidden/", f"/admin/review/hidden/{hidden.pk}/", {"what": "open"})
    assert "waits for reviewers" in said(answer)[0]
    hidden.refresh_from_db()
    assert hidden.state == Photo.State.IN_REVIEW


@pytest.mark.parametrize("what", ["", "burn"])
def test_hidden_photo_stays_when_nobody_says_what_to_do(hidden: Photo, managing: Browser, what: str) -> None:
    answer = send(managing, "/admin/review/hidden/", f"/admin/review/hidden/{hidden.pk}/", {"what": what})
    assert len(said(answer)) == 1
    hidden.refresh_from_db()
    assert hidden.state == Photo.State.HIDDEN


def test_what_another_manager_has_seen_to_is_left_alone(
    seen_photo: Seen, staff: Any, managing: Browser
) -> None:
    photo = seen_photo()
    for name in ("alice", "bob"):
        review_record(photo=photo, reviewer=staff(name), verdict="match")
    for what in ("remove", "open"):
        answer = send(managing, "/admin/review/hidden/", f"/admin/review/hidden/{photo.pk}/", {"what": what})
        assert "meanwhile" in said(answer)[0]
    assert Decision.objects.get().outcome == "accepted"


def test_pages_of_managers_are_closed_to_reviewers(hidden: Photo, reviewing: Browser) -> None:
    for page in ("rules/", "hidden/"):
        assert reviewing.get(f"/admin/review/{page}").status_code == 403
    answer = reviewing.post(
        f"/admin/review/hidden/{hidden.pk}/", {"what": "open"}, token=token(reviewing, "/admin/review/grid/")
    )
    assert answer.status_code == 403
    hidden.refresh_from_db()
    assert hidden.state == Photo.State.HIDDEN
