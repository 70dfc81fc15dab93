"""What happens to every request: proxies, errors as problems, headers, throttles, sign-in, health."""

import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

import config.urls
from operations import health
from operations.api_errors import as_problem
from operations.first_account import first_account_create, first_account_token, token_valid
from operations.middleware import TrustedProxyMiddleware, client_address
from operations.models import AuditEvent, Job, QueuePulse
from operations.problems import Problem, busy
from operations.pulses import canary_returned, worker_pulse
from operations.throttling import AddressThrottle, ParticipantThrottle

from .conftest import visitor

# --- proxies


def seen_address(settings: Any, proxies: int, forwarded: str | None, peer: str = "203.0.113.9") -> str:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(client_address(request))
        return HttpResponse()

    TrustedProxyMiddleware(view)(request)
    return seen[0]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "203.0.113.9"),
        (0, "192.0.2.1", "203.0.113.9"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.66, 192.0.2.1", "192.0.2.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (2, "198.51.100.66, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "10.0.0.2", "203.0.113.9"),
        (1, None, "203.0.113.9"),
        (1, "", "203.0.113.9"),
        (1, "unknown", "::"),
    ],
)
def test_address_comes_from_the_right_hop(
    settings: Any, proxies: int, forwarded: str | None, address: str
) -> None:
    assert seen_address(settings, proxies, forwarded) == address


@given(spoofed=st.text(st.characters(codec="latin-1", exclude_characters="\r\n,"), max_size=30))
def test_nobody_chooses_their_address(spoofed: str) -> None:
    class Settings:
        pass

    for proxies in (1, 2):
        chain = [spoofed, "192.0.2.1"] + ["10.0.0.2"] * (proxies - 1)
        former = django_settings.TRUSTED_PROXIES
        try:
            assert seen_address(django_settings, proxies, ", ".join(chain)) == "192.0.2.1"
            assert seen_address(django_settings, 0, ", ".join(chain)) == "203.0.113.9"
        finally:
            django_settings.TRUSTED_PROXIES = former


def test_on_a_unix_socket_there_is_an_address_all_the_same(settings: Any) -> None:
    assert seen_address(settings, 1, None, peer="") == "::"


@pytest.mark.django_db
def test_without_a_proxy_nobody_turns_http_into_https_by_saying_so() -> None:
    answer = visitor().get("/", headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 301


# --- errors


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret about the inside")


urlpatterns = [path("api/v1/broken/", broken), *config.urls.urlpatterns]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/api/v1/nothing/", 404, "not_found"),
        ("get", "/api/nothing/", 404, "not_found"),
        ("get", "/api/v1/smileys/no-such/examples/", 404, "not_found"),
        ("get", "/api/v1/photos/no-uuid/", 404, "not_found"),
        ("put", "/api/v1/smileys/", 405, "method_not_allowed"),
        ("post", "/api/v1/prompts/next/", 405, "method_not_allowed"),
        ("post", "/api/v1/consents/", 415, "unsupported_media_type"),
    ],
)
def test_every_error_of_the_api_is_a_problem(method: str, address: str, status: int, code: str) -> None:
    answer = getattr(visitor(), method)(address, secure=True)
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["title"]
    assert body["detail"]


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_fault_of_ours_says_nothing_about_the_inside() -> None:
    client = visitor(raise_request_exception=False)
    answer = client.get("/api/v1/broken/", secure=True)
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert b"inside" not in answer.content
    assert b"RuntimeError" not in answer.content


@pytest.mark.django_db
def test_pages_errors_stay_pages() -> None:
    answer = visitor().get("/nothing/", secure=True)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem("quota_reached", "Enough.", status=429), 429, "quota_reached"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (exceptions.Throttled(wait=3), 429, "throttled"),
        (busy(), 503, "busy"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.ValidationError({"scopes": ["missing"]}), 400, "validation_failed"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    ],
)
def test_exceptions_have_stable_codes(error: Exception, status: int, code: str) -> None:
    problem = as_problem(error)
    assert problem
    assert (problem.status, problem.code) == (status, code)


def test_unexpected_exception_is_no_problem() -> None:
    assert as_problem(ValueError("x")) is None


@pytest.mark.django_db
def test_fields_at_fault_are_named() -> None:
    answer = visitor().post("/api/v1/consents/", {}, content_type="application/json", secure=True)
    assert set(answer.json()["errors"]) == {"consent_text", "scopes", "age_affirmed"}


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/privacy/", "/admin/login/", "/api/v1/docs/", "/nothing/"])
def test_pages_carry_the_headers_that_protect_them(address: str) -> None:
    headers = visitor().get(address, secure=True).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Permissions-Policy"].startswith("camera=(self)")
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers, "a self-signed or internal name must not be pinned"


# --- throttles


@pytest.mark.broker
@pytest.mark.django_db
def test_addresses_are_throttled_one_by_one(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        AddressThrottle, "THROTTLE_RATES", {**AddressThrottle.THROTTLE_RATES, "address": "3/min"}
    )
    cache.clear()
    one, other = visitor(REMOTE_ADDR="192.0.2.1"), visitor(REMOTE_ADDR="192.0.2.2")
    assert [one.get("/api/v1/smileys/", secure=True).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = one.get("/api/v1/smileys/", secure=True)
    assert refused.json()["code"] == "throttled"
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    spoofed = {"X-Forwarded-For": "192.0.2.99"}
    assert one.get("/api/v1/smileys/", secure=True, headers=spoofed).status_code == 429
    assert other.get("/api/v1/smileys/", secure=True).status_code == 200


@pytest.mark.broker
@pytest.mark.django_db
def test_new_participants_are_throttled_by_address(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {**ParticipantThrottle.THROTTLE_RATES, "participant": "1/hour"}
    monkeypatch.setattr(ParticipantThrottle, "THROTTLE_RATES", rates)
    cache.clear()
    body = {"consent_text": 1, "scopes": ["train"], "age_affirmed": True}
    answers = [
        visitor(REMOTE_ADDR="192.0.2.3").post(
            "/api/v1/consents/", body, content_type="application/json", secure=True
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 429]


@pytest.mark.broker
def test_no_address_is_stored_in_the_cache(broker: str, rf: RequestFactory) -> None:
    request = Request(rf.get("/", REMOTE_ADDR="192.0.2.55"))
    cache.clear()
    assert AddressThrottle().allow_request(request, APIView())
    client = cache._cache.get_client(None, write=False)  # type: ignore[attr-defined]
    keys = [key.decode() for key in client.keys("*")]
    assert keys
    assert not [key for key in keys if "192.0.2.55" in key]


def test_without_the_cache_everybody_passes(rf: RequestFactory, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    throttle = AddressThrottle()
    start = time.monotonic()
    for _ in range(3):
        assert throttle.allow_request(Request(rf.get("/")), APIView())
    assert time.monotonic() - start < 2


def test_a_cache_that_hangs_holds_nobody_up_for_long(rf: RequestFactory, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        location = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}
        start = time.monotonic()
        assert AddressThrottle().allow_request(Request(rf.get("/")), APIView())
        assert time.monotonic() - start < 3, "the client's own patience is five seconds"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("redis+socket:///run/redis.sock?virtual_host=3", "unix:///run/redis.sock?db=3"),
        ("redis://:x@host:6379/2", "redis://:x@host:6379/2"),
    ],
)
def test_the_cache_understands_the_brokers_address(given: str, expected: str) -> None:
    import os
    import subprocess
    import sys

    program = "from config import settings; print(settings.CACHES['default']['LOCATION'], settings.CELERY_BROKER_URL)"
    environment = {**os.environ, "REDIS_URL": given}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [expected, given], done.stderr


# --- staff


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("address", ["192.0.2.1", ""])
def test_five_wrong_passwords_lock_the_account_from_that_address(staff: Any, address: str) -> None:
    staff("alice", superuser=True)
    client = visitor(REMOTE_ADDR=address)

    def sign_in(password: str, by: Client = client) -> int:
        return by.post("/admin/login/", {"username": "alice", "password": password}, secure=True).status_code

    statuses = [sign_in("wrong") for _ in range(5)]
    assert statuses[:4] == [200] * 4
    assert sign_in("correct horse alice") == 429
    assert sign_in("correct horse alice", by=visitor(REMOTE_ADDR="192.0.2.9")) == 302


@pytest.mark.database
@pytest.mark.django_db
def test_success_forgets_the_failures(staff: Any) -> None:
    staff("alice", superuser=True)
    client = visitor(REMOTE_ADDR="192.0.2.1")
    for _ in range(3):
        for password, status in (
            ("wrong", 200),
            ("wrong", 200),
            ("wrong", 200),
            ("correct horse alice", 302),
        ):
            answer = client.post("/admin/login/", {"username": "alice", "password": password}, secure=True)
            assert answer.status_code == status


def link() -> str:
    return f"/first-account/{first_account_token()}/"


FORM = {"username": "alice", "password1": "correct horse 1", "password2": "correct horse 1"}


@pytest.mark.django_db
def test_first_account_link_works_once() -> None:
    address = link()
    client = visitor()
    assert client.get(address, secure=True).status_code == 200
    answer = client.post(address, FORM, secure=True)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("alice", True, True)
    assert user.check_password("correct horse 1")
    assert client.get("/admin/", secure=True).status_code == 200
    assert AuditEvent.objects.get().action == "first_account_created"
    for again in (address, link()):
        assert visitor().get(again, secure=True).status_code == 404
        assert visitor().post(again, {**FORM, "username": "mallory"}, secure=True).status_code == 404
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_who_comes_second_to_the_first_account_is_told_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form was there when the first account was not: two people have the link."""
    address = link()
    monkeypatch.setattr("operations.views.token_valid", lambda token: True)
    first_account_create(username="bob", password="correct horse 2")
    answer = visitor().post(address, FORM, secure=True, follow=True)
    assert "There is a first account already" in answer.content.decode()
    assert [user.username for user in User.objects.all()] == ["bob"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [{"password2": "another 2"}, {"password1": "12345678", "password2": "12345678"}, {"username": ""}],
)
def test_first_account_needs_a_good_password(changes: dict[str, str]) -> None:
    answer = visitor().post(link(), {**FORM, **changes}, secure=True)
    assert answer.status_code == 200
    assert not User.objects.exists()


@pytest.mark.django_db
def test_first_account_link_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    token = first_account_token()
    assert token_valid(token)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 24 * 3600 + 60)
    assert not token_valid(token)


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["x", "first", "ImZpcnN0Ig:1rXyZ0:AAAA"])
def test_forged_first_account_link_is_not_found(token: str) -> None:
    assert visitor().get(f"/first-account/{token}/", secure=True).status_code == 404


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_first_accounts_at_once_are_one() -> None:
    from django.db import connections

    start = threading.Barrier(4)
    outcomes: list[str] = []

    def create(number: int) -> None:
        try:
            start.wait()
            first_account_create(username=f"user{number}", password="correct horse 1")
            outcomes.append("created")
        except Problem as problem:
            outcomes.append(problem.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["account_exists"] * 3 + ["created"]
    assert User.objects.count() == 1


# --- health


@pytest.mark.django_db
def test_healthz_needs_nothing() -> None:
    for secure in (True, False):
        answer = visitor().get("/healthz", secure=secure)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_names_what_is_missing_without_a_broker(settings: Any) -> None:
    from celery import current_app

    former = current_app.conf.broker_url
    current_app.conf.broker_url = "redis://127.0.0.1:1/0"
    try:
        answer = visitor().get("/readyz", secure=True)
    finally:
        current_app.conf.broker_url = former
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "answers",
        "broker": "OperationalError",
        "files": "answers",
    }


@pytest.mark.broker
@pytest.mark.django_db
def test_readyz_needs_a_sign_of_life_of_every_worker(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_WAIT_SECONDS", 0.2)
    answer = visitor().get("/readyz", secure=True)
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["broker"] == "answers"
    assert {checks[f"worker {queue}"] for queue in Job.Queue.values} == {"no sign of life"}

    canary_returned("media")
    Job.objects.create(kind="x", subject="x", queue="bulk", state=Job.State.DONE, finished_at=timezone.now())
    assert visitor().get("/readyz", secure=True).status_code == 503
    worker_pulse(["train"])
    answer = visitor().get("/readyz", secure=True)
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")

    QueuePulse.objects.filter(queue="train").update(worker_seen_at=timezone.now() - timedelta(minutes=2))
    assert visitor().get("/readyz", secure=True).status_code == 503
