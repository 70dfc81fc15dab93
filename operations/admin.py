"""Jobs and the audit log in admin."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from .audit import actor_of, audit_record
from .jobs.registry import kind_names
from .jobs.services import job_retry
from .keyset import KeysetChangeList
from .models import AuditEvent, Job


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LongListAdmin(ReadOnlyAdmin):
    """Rows by the million, newest first: paged by key, and sorted by nothing else."""

    sortable_by = ()
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER  # they would count the table once a filter
    preserve_filters = (
        False  # nothing is saved that one would come back from, and each row's link would carry them
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList


def short_id(key: uuid.UUID) -> str:
    """The beginning of an id, for a list that has no room for all of it; the whole is its tooltip."""
    return format_html('<span class="short-id" title="{}">{}</span>', key, str(key)[:8])


class JobKindFilter(admin.SimpleListFilter):
    """The kinds that there are code for: reading which ones the table holds would read the table."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in kind_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ActionFilter(admin.SimpleListFilter):
    """What is looked for most; any other action is found by searching for its name."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("photo_viewed", "looked at a photo"),
            ("photo_reviewed", "reviewed a photo"),
            ("photo_withdrawn", "withdrew a photo"),
            ("manifest_downloaded", "took a data set along"),
            ("export_downloaded", "took an export along"),
            ("token_made", "made an API token"),
            ("data_exported", "took all of somebody's data along"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(Job)
class JobAdmin(LongListAdmin):
    list_display = (
        "kind",
        "subject",
        "queue",
        "state",
        "attempts",
        "progress",
        "message",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "queue", JobKindFilter)
    search_fields = ("=subject",)
    ordering = ("-created_at",)
    actions = ("retry",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).defer("payload")  # may name hundreds of photos, and is not shown

    @admin.display(description="progress")
    def progress(self, job: Job) -> str:
        return f"{job.progress_done:,} of {job.progress_total:,}" if job.progress_total else ""

    @admin.action(description="Try again", permissions=["retry"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        quarantined = jobs.filter(state=Job.State.QUARANTINED)
        for job in quarantined:
            job_retry(job=job)
            audit_record(
                actor=actor_of(request), action="job_retried", subject=f"job:{job.pk}", kind=job.kind
            )
        messages.info(request, f"{len(quarantined)} quarantined jobs try again.")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("operations.change_job")


@admin.register(AuditEvent)
class AuditEventAdmin(LongListAdmin):
    """Who looked at which photo, and did what else: searched by the photo's `photo:ID` or by `staff:NAME`."""

    list_display = ("at", "actor", "action", "subject", "details")
    list_filter = (ActionFilter, "at")
    search_fields = ("=subject", "=actor", "=action")
    ordering = ("-pk",)


from . import token_admin  # noqa: E402, F401  (registers what stands on the classes above)
