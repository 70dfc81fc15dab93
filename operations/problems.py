"""Errors that tell a person what to do, and their form in the API: RFC 9457 problem details."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure as django_csrf_failure

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that cannot be done, with a stable code for programs and a sentence for people.

    Services raise it; the API answers with it, commands and pages show its sentence. `retry_after`: seconds after
    which the same request may succeed.
    """

    def __init__(
        self, code: str, detail: str, *, status: int = 400, retry_after: int | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.extra = extra


def problem_response(problem: Problem) -> JsonResponse:
    return JsonResponse(problem_body(problem), status=problem.status, content_type=CONTENT_TYPE)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    if request.path.startswith("/api/"):
        return problem_response(csrf_problem())
    return django_csrf_failure(request, reason)


def csrf_problem() -> Problem:
    return Problem("csrf_failed", _("The page is too old: load it again and repeat."), status=403)


def busy() -> Problem:
    """More is asked at this moment than can be done; nothing of the request was kept."""
    detail = _("Many people are sending photos at this moment. Yours is tried again in a few seconds.")
    return Problem("busy", detail, status=503, retry_after=5)


def problem_body(problem: Problem) -> dict[str, Any]:
    return {
        "type": f"/api/v1/docs/#{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.extra,
    }
