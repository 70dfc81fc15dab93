"""What an import knows of a face before any detector has seen it."""

from django.db import models

from collector.models import Photo

from .faces import KeypointSet


class ImportedFace(models.Model):
    """What an import says of the face in a photo, until a worker has looked at the photo and made a Face of it.
    Coordinates are pixels of the stored photo."""

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True, related_name="imported_face")
    box = models.JSONField(null=True, help_text="x, y, width, height, or nothing.")
    points = models.JSONField(
        null=True, help_text="Fifteen pairs x, y, or nothing; null for a missing number."
    )
    visible = models.JSONField(default=list, help_text="Fifteen booleans, false for a missing point.")
    source = models.CharField(max_length=5, choices=KeypointSet.Source, default=KeypointSet.Source.HUMAN)
    measured = models.JSONField(
        default=dict, help_text="Further fields of the Face, where the import has them: all or none."
    )

    def __str__(self) -> str:
        return f"imported face of {self.photo_id}"
