"""Health, and the first staff account."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from .first_account import first_account_create, token_valid
from .health import readiness
from .problems import Problem


@require_GET
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The whole site can work: database, broker, files and workers."""
    checks = readiness()
    ready = all(check.ok for check in checks)
    body = {"status": "ready" if ready else "not ready", "checks": {c.name: c.detail for c in checks}}
    return JsonResponse(body, status=200 if ready else 503)


@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "POST"])
def first_account(request: HttpRequest, token: str) -> HttpResponse:
    if not token_valid(token):
        raise Http404
    form: BaseUserCreationForm[User] = BaseUserCreationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = first_account_create(
                username=form.cleaned_data["username"], password=form.cleaned_data["password1"]
            )
        except Problem as problem:
            # Somebody else was first, a moment ago.
            messages.warning(request, problem.detail)
            return redirect("admin:login")
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("admin:index")
    return render(request, "operations/first_account.html", {"form": form})
