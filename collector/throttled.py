"""The throttles of the API, for pages: posting to one is as limited, and reading it is not."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from operations.throttling import VisitorThrottle

from . import participants

View = Callable[..., HttpResponse]


def too_fast(request: HttpRequest, throttle: BaseThrottle) -> HttpResponse | None:
    """Count this request; the answer to it when there were too many, else nothing."""
    asked = Request(request)
    asked.auth = participants.current(request)
    if throttle.allow_request(asked, APIView()):
        return None
    answer = render(request, "429.html", status=429)
    answer.headers["Retry-After"] = str(int(throttle.wait() or 0) + 1)
    return answer


def throttled(view: View, throttle: type[BaseThrottle] = VisitorThrottle) -> View:
    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refused = too_fast(request, throttle()) if request.method == "POST" else None
        return refused or view(request, *args, **kwargs)

    return limited
