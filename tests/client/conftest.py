"""The client in front of the real application, with a line between the two that can be cut."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

from operations.tokens import token_make
from smielfy_client import Smielfy
from tests.operations.conftest import quick_passwords
from tests.training.exports.conftest import exported, version

__all__ = ["exported", "quick_passwords", "version"]


@cache
def application() -> Any:
    """One for all, for each would look through all static files when it begins."""
    return get_wsgi_application()


class Line(httpx.BaseTransport):
    """Carries requests to the site. `cuts`: after how many bytes each of the next downloads breaks off; `off`: no
    request arrives."""

    def __init__(self) -> None:
        self.site = httpx.WSGITransport(app=application())
        self.cuts: list[int] = []
        self.when_cut: Callable[[], None] = lambda: None
        self.off = False
        self.asked: list[tuple[str, int, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.off:
            raise httpx.ConnectError("the line is off")
        answer = self.site.handle_request(request)
        self.asked.append((request.url.path, answer.status_code, request.headers.get("Range", "")))
        if "/exports/files/" in request.url.path and self.cuts and answer.status_code in (200, 206):
            answer.stream = _Cut(answer.stream, self.cuts.pop(0), self)
        return answer


class _Cut(httpx.SyncByteStream):
    def __init__(self, whole: Any, after: int, line: Line) -> None:
        self._whole, self._after, self._line = whole, after, line

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._whole:
            if len(chunk) >= self._after:
                yield chunk[: self._after]
                self._line.when_cut()
                raise httpx.ReadError("the line was cut")
            self._after -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._whole.close()


@pytest.fixture
def line() -> Iterator[Line]:
    # As in Django's own test client: the end of a request must not close the test's connection to the database.
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield Line()
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def connect(line: Line, staff: Callable[..., Any], tmp_path: Path) -> Callable[[str], Smielfy]:
    """The site as somebody with that role sees it."""

    def make(role: str) -> Smielfy:
        owner = staff(f"{role}-program", role=role)
        token = token_make(owner=owner, maker=owner, name="tests").secret
        return Smielfy("https://testserver", token, cache=tmp_path / "cache", patience=0, transport=line)

    return make


@pytest.fixture
def site(connect: Callable[[str], Smielfy]) -> Smielfy:
    return connect("researcher")
