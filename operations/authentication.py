"""Who calls the API: staff, by the session of admin."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from .problems import csrf_problem

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


def csrf_enforce(request: HttpRequest) -> None:
    """For whoever is known by a cookie. Raises Problem: csrf_failed."""
    check = CSRFCheck(lambda request: None)  # type: ignore[arg-type]
    check.process_request(request)
    if check.process_view(request, None, (), {}):  # type: ignore[arg-type]
        raise csrf_problem()


class StaffSession(BaseAuthentication):
    """`request.user` becomes the member of staff who is signed in to admin."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not (user.is_active and user.is_staff):
            return None
        csrf_enforce(request._request)
        return user, None


class StaffScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's documentation describes it; found by drf-spectacular once it is defined."""

    target_class = StaffSession
    name = "staff"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
