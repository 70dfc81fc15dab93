"""Writing the audit log."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from .models import AuditEvent


def actor_of(request: HttpRequest) -> str:
    """`staff:NAME` for somebody signed in, else `participant`: nobody stored who that is."""
    user = getattr(request, "user", None)
    return f"staff:{user.get_username()}" if user is not None and user.is_authenticated else "participant"


def audit_record(*, actor: str, action: str, subject: str, **details: Any) -> AuditEvent:
    """Append one event. Details are small facts: no picture bytes, no tokens, no receipt codes."""
    return AuditEvent.objects.create(actor=actor, action=action, subject=subject, details=details)


def audit_record_each(*, actor: str, action: str, subjects: Iterable[str]) -> None:
    """Append the same event for many subjects."""
    events = (AuditEvent(actor=actor, action=action, subject=subject) for subject in subjects)
    AuditEvent.objects.bulk_create(events, batch_size=500)
