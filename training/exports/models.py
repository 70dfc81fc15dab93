"""Exports of data set versions, and who took a release along."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from operations.models import AppendOnlyQuerySet


class ExportQuerySet(models.QuerySet["Export"]):
    def kept(self) -> "ExportQuerySet":
        """Those that have a file, be it finished or not."""
        return self.exclude(file="")

    def expired(self, at: datetime) -> "ExportQuerySet":
        return self.filter(expires_at__lte=at)


class Export(models.Model):
    """A version in one format, as one tar file. When something leaves the version, its file is written anew.

    A release is for others: it holds only photos whose consent says so, and stays until staff remove it. Any other
    export is for staff, and goes after some days.
    """

    class Format(models.TextChoices):
        IMAGE_FOLDER = "imagefolder", "image folder with metadata.csv"
        COCO = "coco", "COCO: boxes and 15 keypoints"
        KAGGLE = "kaggle", "Kaggle's facial keypoints CSV, 96 × 96 grey"
        WEBDATASET = "webdataset", "WebDataset tar shards"
        PARQUET = "parquet", "Parquet with embedded pictures"
        TABLE = "table", "CSV of everything but pixels"
        MASKED = "masked", "masked pairs: face, masked, alpha"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(
        "training.DatasetVersion", models.PROTECT, related_name="exports", limit_choices_to={"draft": False}
    )
    format = models.CharField(max_length=12, choices=Format)
    release = models.BooleanField(
        default=False, help_text="For others: only photos whose consent allows to share them in a release."
    )
    licence = models.CharField(
        max_length=200, blank=True, help_text="A release needs one: a name or an address."
    )
    citation = models.TextField(blank=True, help_text="How a release is to be cited.")
    revision = models.PositiveIntegerField(default=0, editable=False)
    file = models.CharField(max_length=120, blank=True, editable=False)
    changed = models.BooleanField(
        default=False, editable=False, help_text="Something has left it since its file was begun."
    )
    photos = models.PositiveIntegerField(default=0, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    created_by = models.CharField(max_length=160, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ready_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="export_newest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(release=False) | ~(models.Q(licence="") | models.Q(citation="")),
                name="export_release_has_licence_and_citation",
                violation_error_message="A release needs a licence and a citation: nobody may use it otherwise.",
            )
        ]

    def __str__(self) -> str:
        revision = f".r{self.revision}" if self.revision else ""
        return f"{self.version_id}{revision}-{self.format}"

    @property
    def download_name(self) -> str:
        return f"smielfy-{self}.tar"


class ExportDownload(models.Model):
    """Who took a release along, and promised to identify nobody and to honour the tombstones. Append-only."""

    export = models.ForeignKey(Export, models.PROTECT, related_name="downloads")
    contact = models.CharField(max_length=200)
    terms = models.TextField(help_text="What was accepted.")
    sha256 = models.CharField(max_length=64, help_text="Of the file at that moment.")
    actor = models.CharField(max_length=160)
    at = models.DateTimeField(default=timezone.now)

    objects = AppendOnlyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.contact} {self.at:%Y-%m-%d}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Who took a release along is append-only.")
        super().save(*args, **kwargs)
