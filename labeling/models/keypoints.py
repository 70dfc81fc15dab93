"""Which faces a human should place the keypoints of first."""

from django.db import models

from .faces import Face


class KeypointDoubt(models.Model):
    """How far mesh and model are apart on the subject of a photo: there a human's points are worth most. The row goes
    when a human has placed them."""

    face = models.OneToOneField(Face, models.CASCADE, primary_key=True, related_name="keypoint_doubt")
    difference = models.FloatField(help_text="Mean distance of the 15 points, as a share of the crop's side.")

    class Meta:
        indexes = [models.Index(fields=["-difference", "face"], name="keypoint_doubt_first")]

    def __str__(self) -> str:
        return f"{self.difference:.3f} of {self.pk}"
