"""What staff decided about photos that are nearly the same."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from collector.models import Photo


class DroppedDuplicate(models.Model):
    """A photo that is not used because another shows the same. It holds whatever reviewers say, until a manager opens
    the photo again."""

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True, related_name="dropped")
    dropped_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    dropped_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.photo_id} dropped"
