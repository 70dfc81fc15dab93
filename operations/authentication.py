"""Who calls the API: staff, by a token of theirs or by the session of admin."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from .models import ApiToken
from .problems import csrf_problem
from .throttling import WrongTokenThrottle
from .tokens import token_invalid, token_of

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


def csrf_enforce(request: HttpRequest) -> None:
    """For whoever is known by a cookie. Raises Problem: csrf_failed."""
    check = CSRFCheck(lambda request: None)  # type: ignore[arg-type]
    check.process_request(request)
    if check.process_view(request, None, (), {}):  # type: ignore[arg-type]
        raise csrf_problem()


class StaffToken(BaseAuthentication):
    """`request.user` becomes the token's owner, `request.auth` the token. No cookie is looked at, so there is nothing
    that another site could misuse. Raises Problem: token_invalid."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token_of(secret.strip())
        if token is None:
            throttle = WrongTokenThrottle()
            if not throttle.allow_request(request, request.parser_context["view"]):
                raise Throttled(throttle.wait())
            raise token_invalid()
        return token.owner, token


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


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = StaffToken
    name = "token"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def token_prefix(request: Request) -> str:
    """How the token begins by which a request came; empty for one by session."""
    return request.auth.prefix if isinstance(request.auth, ApiToken) else ""
