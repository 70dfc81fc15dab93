"""Exports in admin: ask for one, see how far it is, take it along."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.views.decorators.http import require_POST

from operations.admin import ReadOnlyAdmin
from operations.audit import actor_of
from operations.problems import Problem

from .models import Export, ExportDownload
from .services import TERMS, export_link, export_remove, export_request, is_ready, job_of, state_of


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    change_form_template = "admin/training/export/change_form.html"
    list_display = ("__str__", "release", "state", "written", "created_at", "expires_at")
    list_filter = ("release", "format")
    ordering = ("-created_at",)
    actions = ("remove",)
    asked = ("version", "format", "release", "licence", "citation")
    outcome = ("state", "written", "sha256", "created_at", "created_by", "ready_at", "expires_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.add_export")

    def get_fields(self, request: HttpRequest, obj: Export | None = None) -> tuple[str, ...]:
        return (*self.asked, *self.outcome) if obj else self.asked

    def get_readonly_fields(self, request: HttpRequest, obj: Export | None = None) -> tuple[str, ...]:
        return self.outcome if obj else ()

    def save_model(self, request: HttpRequest, obj: Export, form: ModelForm[Any], change: bool) -> None:
        try:
            export, _ = export_request(
                **{name: getattr(obj, name) for name in self.asked}, actor=actor_of(request)
            )
        except Problem as problem:
            messages.set_level(request, messages.ERROR)
            messages.error(request, problem.detail)
        else:
            obj.pk = export.pk

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        export = Export.objects.filter(pk=object_id).first() if object_id else None
        known: dict[str, Any] = {"terms": TERMS}
        if export is not None:
            job = job_of(export)
            known |= {"ready": is_ready(export), "job": job, "export_state": state_of(export, job)}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **known})

    @admin.display(description="state")
    def state(self, export: Export) -> str:
        return state_of(export, job_of(export))

    @admin.display(description="file")
    def written(self, export: Export) -> str:
        return f"{export.photos:,} photos, {filesizeformat(export.size)}" if export.ready_at else ""

    @admin.action(description="Erase the file", permissions=["remove"])
    def remove(self, request: HttpRequest, exports: QuerySet[Export]) -> None:
        for export in exports:
            export_remove(export=export, actor=actor_of(request))
        messages.info(request, f"{len(exports)} exports are erased.")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.change_export")


@admin.register(ExportDownload)
class ExportDownloadAdmin(ReadOnlyAdmin):
    list_display = ("export", "contact", "at", "actor")
    list_select_related = ("export",)
    ordering = ("-at",)


@require_POST
@permission_required("training.view_export", raise_exception=True)
def download(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """Send on to the file, or back to the page with what is missing."""
    export = get_object_or_404(Export, pk=export_id)
    try:
        token = export_link(
            export=export,
            actor=actor_of(request),
            contact=request.POST.get("contact", "")[:200],
            accepted="accept_terms" in request.POST,
        )
    except Problem as problem:
        messages.error(request, problem.detail)
        return redirect("admin:training_export_change", export_id)
    return redirect(reverse("api-export-file", args=[token]))
