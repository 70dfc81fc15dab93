"""Jobs and the audit log in admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from .audit import actor_of, audit_record
from .jobs.services import job_retry
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


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
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
    list_filter = ("state", "queue", "kind")
    search_fields = ("=subject",)
    ordering = ("-created_at",)
    actions = ("retry",)

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
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "subject", "details")
    list_filter = ("action",)
    search_fields = ("=subject", "=actor")
    date_hierarchy = "at"
    ordering = ("-at",)
