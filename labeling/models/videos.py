"""Videos that staff bring in by admin."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from collector.models import ImportBatch, Smiley
from operations.models import Job

#: A browser sends pieces of so many bytes; the last may have fewer.
PIECE_BYTES = 4 * 1024 * 1024


class VideoImportQuerySet(models.QuerySet["VideoImport"]):
    def kept(self) -> "VideoImportQuerySet":
        """Those of which something is in the storage."""
        return self.filter(erased=False)


class VideoImport(models.Model):
    """A video that staff bring in by admin. The video itself is kept until its faces are in, and no longer."""

    class Who(models.TextChoices):
        ASK = "ask", "Several people: show me each of them first, and I say who is who"
        ONE = "one", "One person"
        EACH = "each", "Several people, and nobody comes back after leaving the picture"

    class Stage(models.TextChoices):
        ARRIVING = "arriving", "is on its way"
        WAITING = "waiting", "waits for a worker"
        RUNNING = "running", "is being gone through"
        NAMELESS = "nameless", "waits for you: who is who?"
        FAILED = "failed", "failed"
        DONE = "done", "done"
        ERASED = "erased", "erased before its faces were in"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, help_text="Of the file, where it came from.")
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0, help_text="How many of the bytes are here.")
    file = models.CharField(max_length=120, blank=True, help_text="Once all of it is here.")
    sha256 = models.CharField(max_length=64, blank=True)
    erased = models.BooleanField(default=False)
    batch = models.ForeignKey(ImportBatch, models.PROTECT, related_name="videos")
    smiley = models.ForeignKey(Smiley, models.PROTECT, help_text="What the people in it imitate.")
    rate = models.FloatField(help_text="Frames a second to choose from.")
    accept = models.BooleanField(help_text="Each photo counts as the smiley, without review.")
    who = models.CharField(max_length=4, choices=Who)
    # Names of people, so only for as long as they are needed.
    people = models.JSONField(null=True, help_text="Who the tracks are, once the operator has said so.")
    tracks = models.JSONField(null=True, help_text="Who was seen from when to when.")
    result = models.JSONField(null=True, help_text="What came of it.")
    job = models.ForeignKey(Job, models.SET_NULL, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=160)
    finished_at = models.DateTimeField(null=True)

    objects = VideoImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "sha256"],
                condition=~models.Q(file="") & models.Q(erased=False),
                name="video_import_once_at_a_time",
            )
        ]
        indexes = [models.Index(fields=["-created_at"], name="video_import_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def keep_until(self) -> datetime:
        """When the video is erased, whatever has become of it."""
        return self.created_at + timedelta(days=settings.VIDEO_KEEP_DAYS)

    @property
    def stage(self) -> Stage:
        if self.finished_at is not None:
            return self.Stage.DONE
        if self.erased:
            return self.Stage.ERASED
        if not self.file:
            return self.Stage.ARRIVING
        if self.job is not None and self.job.state == Job.State.RUNNING:
            return self.Stage.RUNNING
        if self.job is not None and self.job.state == Job.State.QUARANTINED:
            return self.Stage.FAILED
        return self.Stage.NAMELESS if self.has_to_be_named and self.tracks is not None else self.Stage.WAITING

    @property
    def has_to_be_named(self) -> bool:
        return self.who == self.Who.ASK and self.people is None

    @property
    def name_start(self) -> str:
        """How the names of all its files begin, those of attempts at writing that were killed included."""
        return f"videos/{self.created_at:%Y/%m/%d}/{self.pk}"

    def picture_name(self, track: int) -> str:
        """Where the picture of a track is kept meanwhile."""
        return f"{self.name_start}-{track}.jpg"

    def piece_name(self, at: int) -> str:
        """Where the piece that begins at a byte is kept until all are here."""
        return f"{self.name_start}-{at}.piece"

    @property
    def files(self) -> list[str]:
        """All that is kept of the video."""
        if self.erased:
            return []
        if not self.file:
            return [self.piece_name(at) for at in range(0, self.received, PIECE_BYTES)]
        return [self.file, *(self.picture_name(track["number"]) for track in self.tracks or [])]
