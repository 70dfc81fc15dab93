"""Lists over millions of rows page by key, miss nothing and count nothing."""

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


def pages(browser: Browser, address: str) -> list[str]:
    """All pages of a list, following `Older`."""
    found = []
    step = ""
    while True:
        page = browser.get(address + step).content.decode()
        found.append(page)
        older = re.search(r'<a href="([^"]+)" class="keyset">Older', page)
        if older is None:
            return found
        step = older[1].replace("&amp;", "&")


def test_every_row_is_on_one_page(chief: Browser) -> None:
    at = timezone.now()
    Job.objects.bulk_create(
        Job(kind="tests", subject=f"subject-{number}", queue="bulk", state="done",
            created_at=at - timedelta(minutes=number // 70))  # many of one moment
        for number in range(120)
    )  # fmt: skip
    shown = [re.findall(r"subject-\d+", page) for page in pages(chief, "/admin/operations/job/")]
    assert [len(set(page)) for page in shown] == [50, 50, 20]
    assert len({subject for page in shown for subject in page}) == 120


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
    for wrong in ("x", "~x", "yesterday~1"):
        page = chief.get(f"/admin/operations/auditevent/?after={wrong}")
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
