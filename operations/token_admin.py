"""API tokens in admin: everybody's own, and for managers those of others, too."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from .admin import ReadOnlyAdmin
from .audit import actor_of
from .models import ApiToken
from .tokens import may_make_for, token_make, token_revoke


class TokenForm(forms.ModelForm[ApiToken]):
    maker: User  # set on the class that admin makes for each request

    class Meta:
        model = ApiToken
        fields = ("name", "owner", "expires_at")

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment is not None and moment <= timezone.now():
            raise ValidationError("That moment is over: choose a later one, or none.")
        return moment

    def save(self, commit: bool = True) -> ApiToken:
        given = self.cleaned_data
        owner = given.get("owner") or self.maker
        self.instance = token_make(
            owner=owner, maker=self.maker, name=given["name"], expires_at=given["expires_at"]
        )
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing of the kind, and `save` has saved."""


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "begins_with", "owner", "state", "last_used_at", "created_at")
    list_select_related = ("owner",)
    ordering = ("-created_at",)
    actions = ("revoke",)
    form = TokenForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        tokens = super().get_queryset(request)
        others = request.user.has_perm("operations.view_apitoken")
        return tokens if others else tokens.filter(owner=cast(User, request.user))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _on_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _on_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _on_staff(request)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _on_staff(request)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        if obj is not None:
            facts = ("created_at", "created_by", "expires_at", "last_used_at", "revoked_at")
            return ("name", "begins_with", "owner", *facts)
        others = request.user.has_perm("operations.add_apitoken")
        return ("name", "owner", "expires_at") if others else ("name", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[ApiToken]]:
        form = super().get_form(request, obj, change, **kwargs)
        form.maker = request.user  # type: ignore[attr-defined]
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        maker = cast(User, request.user)
        staff = User.objects.filter(is_active=True, is_staff=True)
        allowed = [user.pk for user in staff if may_make_for(maker, user)]
        kwargs |= {"queryset": staff.filter(pk__in=allowed), "initial": maker.pk}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "owner":
            for shortcut in ("add", "change", "view"):  # to the account: it is to be chosen here and no more
                setattr(field.widget, f"can_{shortcut}_related", False)
        return field

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # What follows is the page with the secret, whatever is pressed.
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {**(extra_context or {}), **one_button})

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """The form's `save` has, by the service."""

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page on which the secret stands: nowhere is it kept, not in a message or a session either."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Token for {obj.name}",
            "token": obj,
            "secret": obj.secret,
        }
        return TemplateResponse(request, "admin/operations/apitoken/made.html", context)

    @admin.display(description="begins with")
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @admin.display(description="state")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return f"revoked {token.revoked_at:%Y-%m-%d}"
        if token.expires_at is None:
            return "works"
        over = token.expires_at <= timezone.now()
        return (
            f"over since {token.expires_at:%Y-%m-%d}" if over else f"works until {token.expires_at:%Y-%m-%d}"
        )

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        revoked = sum(token_revoke(token=token, actor=actor_of(request)) for token in tokens)
        messages.info(request, f"{revoked} tokens are revoked: whoever uses one is refused from now on.")


def _on_staff(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_staff
