"""No secret in any log, whatever a library puts into its message."""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session

from operations.first_account import first_account_token

from .conftest import visitor


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the configured handler writes, with its formatter and filter: the lines that really appear."""
    (handler,) = (one for one in logging.getLogger().handlers if one.name == "stderr")
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    former = handler.setStream(written)
    yield written
    handler.setStream(former or sys.stderr)


SECRETS = {
    "a broker's password": ("connecting to redis://user:hunter2@broker:6379/0", "hunter2"),
    "a database's password": ("postgres://smielfy:hunter2@db/smielfy is gone", "hunter2"),
    "an empty user's password": ("redis://:hunter2@broker:6379/0", "hunter2"),
    "a one-time link": ("GET /first-account/ImZpcnN0Ig:1abcDE:x-y_z/ 404", "ImZpcnN0Ig"),
    "a session cookie": ("Cookie: __Host-session=abcdef123; other=1", "abcdef123"),
    "a participant's cookie": ("Cookie: __Host-participant=abc:def:ghi", "abc:def:ghi"),
    "a CSRF cookie": ("__Host-csrftoken=abcdef123;", "abcdef123"),
    "cookies of a request": ("{'__Host-session': 'abcdef123', 'x': 'y'}", "abcdef123"),
    "a bearer token": ("Authorization: Bearer abcdef123", "abcdef123"),
    "an API token": ('{"Authorization": "Token abcdef123"}', "abcdef123"),
    "a password field": ('{"username": "alice", "password": "hunter2"}', "hunter2"),
    "a password in a form": ("username=alice&password=hunter2", "hunter2"),
    "a receipt code": ("receipt=maple-otter-cloud", "maple-otter-cloud"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("place", ["message", "argument", "extra", "object", "exception", "stack"])
def test_secret_is_blanked_wherever_it_stands(log: io.StringIO, text: str, secret: str, place: str) -> None:
    class Request:
        def __repr__(self) -> str:
            return f"<Request {text}>"

    logger = logging.getLogger("tests.secrets")
    match place:
        case "message":
            logger.warning(text)
        case "argument":
            logger.warning("It said: %s", text)
        case "extra":
            logger.warning("It said", extra={"error": text})
        case "object":
            logger.warning("It said", extra={"request": Request()})
        case "exception":
            try:
                raise ValueError(text)
            except ValueError:
                logger.exception("It broke")
        case "stack":
            logger.warning("It said: %s", text, stack_info=True)
    line = json.loads(log.getvalue())
    assert secret not in json.dumps(line)
    assert "[redacted]" in json.dumps(line)


@pytest.mark.parametrize("place", ["%s", "%r", "key %s!"])
def test_secret_key_is_blanked(log: io.StringIO, place: str) -> None:
    logging.getLogger("tests.secrets").warning(place, settings.SECRET_KEY)
    assert settings.SECRET_KEY not in log.getvalue()


def test_rest_of_the_line_stays_readable(log: io.StringIO) -> None:
    logging.getLogger("tests.plain").warning(
        "%d photos of %s", 3, "smile", extra={"queue": "media", "count": 7}
    )
    line = json.loads(log.getvalue())
    assert (line["message"], line["level"], line["logger"]) == ("3 photos of smile", "WARNING", "tests.plain")
    assert (line["queue"], line["count"]) == ("media", 7)


def test_arguments_that_do_not_fit_break_nothing_and_hide_nothing(log: io.StringIO) -> None:
    logging.getLogger("tests.odd").warning("%d photos", "redis://:hunter2@broker", "more")
    assert "photos" in log.getvalue()
    assert "hunter2" not in log.getvalue()


@pytest.mark.django_db
def test_one_time_link_is_in_no_line_of_its_requests(log: io.StringIO) -> None:
    token = first_account_token()
    client = visitor()
    for path in (f"/first-account/{token}/", f"/first-account/{token}x/", f"/first-account/{token}/nothing/"):
        client.get(path, secure=True)
        client.post(path, {"username": "alice", "password1": "correct horse 1"}, secure=True)
    assert "first-account" in log.getvalue()
    signature = token.rpartition(":")[2]
    assert signature not in log.getvalue()
    assert "correct horse" not in log.getvalue()


@pytest.mark.django_db
def test_signing_in_leaves_no_password_and_no_session_in_the_log(log: io.StringIO, staff: Any) -> None:
    staff("alice", superuser=True)
    client = visitor()
    client.post("/admin/login/", {"username": "alice", "password": "hunter2 wrong"}, secure=True)
    answer = client.post(
        "/admin/login/", {"username": "alice", "password": "correct horse alice"}, secure=True
    )
    assert answer.status_code == 302
    client.get("/admin/nothing/", secure=True)
    assert "admin/login" in log.getvalue()
    assert "hunter2" not in log.getvalue()
    assert "correct horse" not in log.getvalue()
    assert Session.objects.get().session_key not in log.getvalue()


@pytest.mark.django_db
def test_each_request_is_one_line_without_address_path_or_query(log: io.StringIO) -> None:
    visitor(REMOTE_ADDR="192.0.2.77").get("/api/v1/smileys/smile/examples/?who=me", secure=True)
    (line,) = [
        line for line in map(json.loads, log.getvalue().splitlines()) if line["logger"] == "smielfy.request"
    ]
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["route"].endswith("<slug:slug>/examples/")
    assert line["ms"] >= 0
    assert "192.0.2.77" not in log.getvalue()
    assert "who=me" not in log.getvalue()
