"""Every error of the API leaves as a problem."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from .problems import CONTENT_TYPE, Problem, problem_body


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's hook."""
    problem = as_problem(error)
    if problem is None:
        return None
    set_rollback()
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(problem_body(problem), status=problem.status, headers=headers, content_type=CONTENT_TYPE)


def as_problem(error: Exception) -> Problem | None:
    """The problem that an exception stands for; None for a fault of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        return Problem("not_found", _("There is nothing here, or nothing that you may see."), status=404)
    if isinstance(error, PermissionDenied):
        return Problem("permission_denied", str(error) or _("You may not do this."), status=403)
    if isinstance(error, exceptions.ValidationError):
        return Problem(
            "validation_failed",
            _("Some fields need another value."),
            status=error.status_code,
            errors=error.detail,
        )
    if isinstance(error, exceptions.APIException):
        wait = getattr(error, "wait", None)
        return Problem(
            str(error.default_code),
            str(error.detail),
            status=error.status_code,
            retry_after=int(wait) + 1 if wait is not None else None,
        )
    return None
