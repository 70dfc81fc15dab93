"""How far reviewers agree, as counts: of millions of reviews nothing else is ever read. Each row belongs to the day on
which photos came in, and all rows of a day are counted anew from its reviews when one of them has changed."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from collector.models import Smiley


class UncountedDay(models.Model):
    """Reviews of photos of that day have changed. Written beside each change, so that none is ever missed, and without
    a lock that reviewers would wait for."""

    day = models.DateField()
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["day"], name="uncounted_day")]

    def __str__(self) -> str:
        return str(self.day)


class PatternCount(models.Model):
    """So many photos of a prompt got these counting reviews, and this became of them."""

    day = models.DateField()
    smiley = models.ForeignKey(Smiley, models.PROTECT, related_name="+", help_text="The prompt.")
    outcome = models.CharField(max_length=60, help_text="A smiley's slug, rejected, hidden, or open.")
    pattern = models.TextField(help_text="How many reviewers said what: `grin:1 tongue:2`.")
    photos = models.PositiveIntegerField()

    class Meta:
        permissions = [("see_quality", "Can see how far reviewers agree")]
        indexes = [models.Index(fields=["day"], name="pattern_day")]

    def __str__(self) -> str:
        return f"{self.photos} × {self.pattern}"


class ReviewerCount(models.Model):
    """How often a reviewer was compared in one way, and agreed; for the modes, how long the reviews took."""

    class Measure(models.TextChoices):
        GOLD = "gold", "with gold"
        OTHERS = "others", "with most of the others"
        RECHECK = "recheck", "with themselves, a week later"
        GRID_CHECK = "grid_check", "with what they passed in the grid"
        GRID = "grid", "reviews in the grid"
        SINGLE = "single", "single reviews"

    day = models.DateField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    measure = models.CharField(max_length=10, choices=Measure)
    reviews = models.PositiveIntegerField(default=0)
    agreed = models.PositiveIntegerField(default=0)
    timed = models.PositiveIntegerField(default=0, help_text="Reviews of which the time is known.")
    seconds = models.FloatField(default=0)

    class Meta:
        indexes = [models.Index(fields=["day"], name="reviewer_day")]

    def __str__(self) -> str:
        return f"{self.reviewer_id} {self.measure}: {self.agreed} of {self.reviews}"


class PairCount(models.Model):
    """Of so many photos one reviewer said this, and another that. The one with the smaller id is the first."""

    day = models.DateField()
    first = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    second = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    first_said = models.CharField(max_length=60)
    second_said = models.CharField(max_length=60)
    photos = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["day"], name="pair_day")]

    def __str__(self) -> str:
        return f"{self.first_id} {self.first_said}, {self.second_id} {self.second_said}"
