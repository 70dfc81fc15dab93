import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache as counters
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

from collector import participants
from collector.models import Participant
from tests.operations.conftest import quick_passwords

__all__ = ["quick_passwords"]


@cache
def _handler() -> ClientHandler:
    """One for all, for each would look through all static files when it begins."""
    return ClientHandler(enforce_csrf_checks=True)


class Browser:
    """A visitor's browser: https, cookies, CSRF enforced, and an address of its own, for addresses are throttled."""

    def __init__(self, participant: Participant | None = None) -> None:
        address = ".".join(str(random.randint(1, 254)) for _ in range(4))
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False, REMOTE_ADDR=address)
        self.client.handler = _handler()
        self.token = ""
        if participant is not None:
            self.become(participant)

    def become(self, participant: Participant) -> None:
        response = HttpResponse()
        participants.remember(response, participant)
        self.client.cookies[participants.COOKIE] = response.cookies[participants.COOKIE].value

    def get(self, path: str, **extra: Any) -> Any:
        return self.client.get(path, secure=True, **extra)

    def request(
        self, method: str, path: str, data: Any = None, *, token: str | None = None, **extra: Any
    ) -> Any:
        if token is None:
            token = self.csrf_token()
        headers = {"Referer": "https://testserver/", **({"X-CSRFToken": token} if token else {})}
        call = getattr(self.client, method.lower())
        return call(path, data, secure=True, headers={**headers, **extra.pop("headers", {})}, **extra)

    def post(self, path: str, data: Any = None, **extra: Any) -> Any:
        return self.request("POST", path, data, **extra)

    def post_json(self, path: str, data: Any, **extra: Any) -> Any:
        return self.post(path, data, content_type="application/json", **extra)

    def csrf_token(self) -> str:
        if not self.token:
            self.token = self.get("/api/v1/consent-text/").headers["X-CSRFToken"]
        return self.token


@pytest.fixture
def browser(participant: Participant) -> Browser:
    """The browser of somebody who agreed to everything."""
    return Browser(participant)


@pytest.fixture
def stranger(db: None) -> Browser:
    return Browser()


@pytest.fixture
def counting_cache(settings: Any) -> None:
    """A cache that counts, for throttles, without a Redis."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    counters.clear()


@pytest.fixture
def kept(private_folder: Path) -> Callable[[], list[str]]:
    """Everything that lies in the private storage now, as paths."""
    return lambda: sorted(
        str(path.relative_to(private_folder)) for path in private_folder.rglob("*") if path.is_file()
    )


def upload(data: bytes, name: str = "selfie.jpg", kind: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type=kind)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of the answer, which is this problem and nothing else."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content[:300]
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"], body["status"]) == (status, code, status), body
    assert body["title"]
    assert body["detail"]
    assert body["type"].endswith(code)
    assert settings.SECRET_KEY not in response.content.decode()
    return body
