"""Lists over millions of rows page by key, miss nothing and count nothing."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from operations.audit import audit_record
from operations.keyset import MoreThan
from operations.models import AuditEvent, Job
from tests.collector.conftest import Browser

pytestmark = pytest.mark.database


@pytest.fixture
def chief(staff: Any) -> Browser:
    browser = Browser()
    user = staff("susan", superuser=True)
    browser.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def pages(browser: Browser, address: str, link: str = "Older") -> list[str]:
    """All pages of a list from an address on, following one of its links."""
    path, found = address.partition("?")[0], []
    while address:
        page = browser.get(address).content.decode()
        found.append(page)
        address = step(path, page, link)
    return found


def step(path: str, page: str, link: str) -> str:
    """Where the link of a page leads; empty where there is none."""
    there = re.search(rf'<a href="([^"]+)" class="keyset">{link}', page)
    return path + html.unescape(there[1]) if there else ""


@pytest.fixture
def jobs(db: None) -> None:
    """120 jobs, 70 of them of one moment."""
    at = timezone.now()
    Job.objects.bulk_create(
        Job(kind="tests", subject=f"subject-{number}", queue="bulk", state="done",
            created_at=at - timedelta(minutes=number // 70))
        for number in range(120)
    )  # fmt: skip


def subjects(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"subject-\w+", page)))


@pytest.mark.usefixtures("jobs")
def test_every_row_is_on_one_page(chief: Browser) -> None:
    shown = [subjects(page) for page in pages(chief, "/admin/operations/job/")]
    assert [len(set(page)) for page in shown] == [50, 50, 20]
    assert len({subject for page in shown for subject in page}) == 120


@pytest.mark.usefixtures("jobs")
def test_one_gets_back_the_way_one_came(chief: Browser) -> None:
    path = "/admin/operations/job/"
    there = pages(chief, path + "?state__exact=done")
    assert step(path, there[0], "Newer") == ""
    back = pages(chief, step(path, there[-1], "Newer"), "Newer")
    assert [subjects(page) for page in back] == [subjects(page) for page in there[-2::-1]]
    assert subjects(chief.get(step(path, there[-1], "Newest")).content.decode()) == subjects(there[0])
    filters = re.findall(r'<a href="([^"]*state__exact[^"]*)"', there[-1].partition("changelist-filter")[2])
    assert filters
    assert not any("after" in address for address in filters)


@pytest.mark.usefixtures("jobs")
def test_what_came_meanwhile_is_on_the_way_back(chief: Browser) -> None:
    path = "/admin/operations/job/"
    *_, last = pages(chief, path)
    Job.objects.create(kind="tests", subject="subject-new", queue="bulk")
    first = pages(chief, step(path, last, "Newer"), "Newer")[-1]
    assert subjects(first)[0] == "subject-new"
    assert len(subjects(first)) == 50


def test_pages_keep_the_filter_and_a_search(chief: Browser) -> None:
    for number in range(60):
        audit_record(actor="staff:ann", action="photo_viewed", subject=f"photo:{number}")
        audit_record(actor="staff:ben", action="photo_viewed", subject="photo:1")
    shown = pages(chief, "/admin/operations/auditevent/?action=photo_viewed&q=staff:ann")
    assert len(shown) == 2
    assert sum(len(re.findall(r'field-subject">photo:', page)) for page in shown) == 60
    assert "staff:ben" not in "".join(re.findall(r'field-actor">[^<]*', "".join(shown)))


def test_a_damaged_address_shows_the_beginning(chief: Browser) -> None:
    audit_record(actor="staff:ann", action="tests", subject="x")
    for wrong in ("after=x", "after=~x", "before=yesterday~1"):
        page = chief.get(f"/admin/operations/auditevent/?{wrong}")
        assert page.status_code == 200
        assert "x" in page.content.decode()
    page = chief.get("/admin/operations/job/?after=yesterday~1").content.decode()
    assert "This address is damaged" in page


def test_no_list_counts_a_whole_table(chief: Browser) -> None:
    AuditEvent.objects.bulk_create(AuditEvent(actor="a", action="b", subject="c") for _ in range(60))
    for path in ("operations/auditevent", "operations/job", "collector/photo", "labeling/review",
                 "labeling/decision", "labeling/face"):  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            assert chief.get(f"/admin/{path}/").status_code == 200
        counting = [q["sql"] for q in queries if "COUNT(" in q["sql"] and "LIMIT" not in q["sql"]]
        assert counting == []
        assert not any("OFFSET" in q["sql"] or "DISTINCT" in q["sql"] for q in queries)


def test_a_bounded_number_says_so() -> None:
    assert str(MoreThan(10_001)) == "more than 10,000"
