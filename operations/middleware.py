"""What happens to every request."""

import ipaddress
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from .problems import Problem, problem_response

logger = logging.getLogger("smielfy.request")
Next = Callable[[HttpRequest], HttpResponseBase]

_ERRORS = {
    400: ("bad_request", _("The request cannot be read.")),
    404: ("not_found", _("There is nothing here.")),
    405: ("method_not_allowed", _("This address does not take that method.")),
    413: ("too_large", _("That is more than the site accepts at once.")),
    500: (
        "server_error",
        _("Something broke on our side. Your photos are safe; try again in a minute."),
    ),
}


class TrustedProxyMiddleware:
    """Believe `X-Forwarded-*` from exactly TRUSTED_PROXIES hops, and from nobody when that is 0."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if settings.TRUSTED_PROXIES and len(hops) >= settings.TRUSTED_PROXIES:
            request.META["REMOTE_ADDR"] = hops[-settings.TRUSTED_PROXIES]
        elif not settings.TRUSTED_PROXIES:
            for name in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"):
                request.META.pop(name, None)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """The visitor's address, after TrustedProxyMiddleware; `::` where none is known, as on a Unix socket.

    Always an address, for PostgreSQL keeps that of a failed sign-in in a column for addresses.
    """
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return "::"


class RequestLogMiddleware:
    """One structured line a request. The route instead of the path, for paths may carry tokens; no address."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        logger.info(
            "request",
            extra={
                "method": request.method,
                "route": match.route if match else "(none)",
                "status": response.status_code,
                "ms": round((time.perf_counter() - start) * 1000, 1),
            },
        )
        return response


class ApiProblemMiddleware:
    """Errors under /api/ that never reached the API's own views leave as problems too."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if (
            request.path.startswith("/api/")
            and response.status_code in _ERRORS
            and isinstance(response, HttpResponse)
            and response.headers.get("Content-Type", "").startswith("text/html")
        ):
            code, detail = _ERRORS[response.status_code]
            return problem_response(Problem(code, str(detail), status=response.status_code))
        return response


class PermissionsPolicyMiddleware:
    """The camera for our own pages; nothing else for anybody."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=()"
        )
        return response
