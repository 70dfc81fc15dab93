"""What every room stands on: background jobs, the audit log, signs of life."""

import uuid
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone


class JobQuerySet(models.QuerySet["Job"]):
    def due(self) -> "JobQuerySet":
        """Queued and allowed to run now."""
        return self.filter(state=Job.State.QUEUED, run_after__lte=timezone.now())

    def lease_expired(self) -> "JobQuerySet":
        return self.filter(state=Job.State.RUNNING, lease_until__lt=timezone.now())

    def finished_before(self, moment: Any) -> "JobQuerySet":
        return self.filter(state__in=(Job.State.DONE, Job.State.SUPERSEDED), finished_at__lt=moment)


class Job(models.Model):
    """One piece of background work. The row is the truth; the broker's message is only a hint to look at it."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        SUPERSEDED = "superseded", "superseded by a later job for the same subject"
        QUARANTINED = "quarantined", "quarantined: failed too often"

    class Queue(models.TextChoices):
        MEDIA = "media", "media (seconds)"
        BULK = "bulk", "bulk (minutes)"
        TRAIN = "train", "train (supervises a process)"

    class Priority(models.IntegerChoices):
        """The broker's: lower goes first."""

        WAITED_FOR = 0, "somebody waits for it"
        USUAL = 3, "usual"
        BACKLOG = 6, "nobody waits for it"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=80)
    subject = models.CharField(max_length=80, help_text="The opaque id of what it is about.")
    payload = models.JSONField(default=dict, blank=True)
    queue = models.CharField(max_length=8, choices=Queue)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.USUAL)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField(default=timezone.now)
    announced_at = models.DateTimeField(null=True, editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            # One waits and one runs: a change that comes while one runs must be able to queue the next.
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(state="queued"), name="job_queued_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(state="running"), name="job_running_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "priority", "run_after"], condition=models.Q(state="queued"), name="job_due"
            ),
            models.Index(fields=["lease_until"], condition=models.Q(state="running"), name="job_lease"),
            models.Index(fields=["kind", "subject"], name="job_subject"),
            models.Index(fields=["finished_at"], name="job_finished"),
            models.Index(fields=["-created_at"], name="job_newest"),
            models.Index(fields=["queue"], condition=models.Q(state="quarantined"), name="job_quarantined"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def seconds(self) -> float | None:
        """How long its last attempt took; None for one that has not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class UnchangingQuerySet(models.QuerySet[Any]):
    """For rows that may go, and never change."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Rows of this table never change.")


class AppendOnlyQuerySet(UnchangingQuerySet):
    def delete(self) -> NoReturn:
        raise TypeError("This table is append-only.")


class AuditEvent(models.Model):
    """Who did what to which thing, when. Append-only; never holds picture bytes, tokens or receipt codes."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=160, db_index=True, help_text="staff:NAME, participant, or system")
    action = models.CharField(max_length=60, db_index=True)
    subject = models.CharField(max_length=120, db_index=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AppendOnlyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The audit log is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The audit log is append-only.")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, at: datetime) -> "ApiTokenQuerySet":
        """Neither revoked nor over, of somebody who is on the staff still."""
        open_ended = models.Q(expires_at=None) | models.Q(expires_at__gt=at)
        return self.filter(open_ended, revoked_at=None, owner__is_active=True, owner__is_staff=True)


class ApiToken(models.Model):
    """With its secret a program acts in the API as a member of staff. Only a digest of the secret is kept."""

    #: Known to whoever has just made it, and to nobody after that.
    secret: str = ""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, help_text="The program or the machine that it is for.")
    prefix = models.CharField(
        max_length=20, editable=False, help_text="How it begins, to tell it from others."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.CharField(max_length=160, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Without it the token works until it is revoked."
    )
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class QueuePulse(models.Model):
    """Signs of life of the workers of one queue."""

    queue = models.CharField(max_length=8, primary_key=True, choices=Job.Queue)
    worker_seen_at = models.DateTimeField(null=True)
    canary_at = models.DateTimeField(
        null=True, help_text="When a task last came all the way through broker and worker."
    )

    def __str__(self) -> str:
        return self.queue


class Round(models.Model):
    """When a piece of housekeeping was last done, so that two beats do not do it twice."""

    name = models.CharField(max_length=80, primary_key=True)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
