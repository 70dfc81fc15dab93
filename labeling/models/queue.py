"""What waits for reviewers, by which rule it is decided, and what is mixed in to measure them."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from collector.models import Photo, Smiley

from ..decisions import Rule
from .reviews import Review


class SmileyQueue(models.Model):
    """What holds for all photos of one prompt: the rule that decides them, and how rare the smiley is."""

    smiley = models.OneToOneField(Smiley, models.CASCADE, primary_key=True, related_name="queue")
    quorum = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(9)], help_text="Reviewers who have to agree."
    )
    majority = models.PositiveSmallIntegerField(
        default=50,
        validators=[MinValueValidator(50), MaxValueValidator(99)],
        help_text="They have to be more than this percentage of all who reviewed it.",
    )
    rarity = models.FloatField(default=1, editable=False, help_text="With which its entries are weighed.")

    def __str__(self) -> str:
        return f"queue of {self.smiley_id}"

    @property
    def rule(self) -> Rule:
        return Rule(self.quorum, self.majority)


class QueueEntryQuerySet(models.QuerySet["QueueEntry"]):
    def free(self) -> "QueueEntryQuerySet":
        """Held by nobody, or by somebody whose lease has run out."""
        return self.filter(models.Q(claimed_until=None) | models.Q(claimed_until__lt=timezone.now()))

    def held(self) -> "QueueEntryQuerySet":
        return self.filter(claimed_until__gte=timezone.now())

    def not_reviewed_by(self, reviewer: User) -> "QueueEntryQuerySet":
        # Said in the row itself: to look for their review of each would take long for who has reviewed thousands.
        return self.exclude(reviewed_by__contains=f"|{reviewer.pk}|")

    def best_first(self) -> "QueueEntryQuerySet":
        return self.order_by("-worth", "photo_id")

    def best_first_of_the_newest(self) -> "QueueEntryQuerySet":
        """The same order, sorted once they are found: the newest are worth least, and going through the queue from its
        best end to find them would read nearly all of it. The sum keeps databases from that."""
        return self.order_by((models.F("worth") + 0.0).desc(), "photo_id")


class QueueEntry(models.Model):
    """A photo that waits for reviewers, in one narrow row, so that a million can wait. The services keep it up."""

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True, related_name="queue_entry")
    smiley = models.ForeignKey(
        Smiley, models.PROTECT, db_index=False, related_name="+", help_text="The prompt."
    )
    sent_at = models.DateTimeField(
        default=timezone.now, help_text="The photo's, so that none has to be looked up for a day's."
    )
    base = models.FloatField(
        default=0, help_text="What an answer is worth, but for the rarity of the smiley."
    )
    worth = models.FloatField(default=0)
    hard = models.BooleanField(default=False, help_text="Not for the grid: no face, or somebody was unsure.")
    flags = models.TextField(blank=True, help_text="Names of the quality flags, each between bars.")
    reviewed_by = models.TextField(
        blank=True,
        help_text="Keys of those whose reviews count, each between bars: it is not for them any more.",
    )
    reviewers_disagree = models.BooleanField(default=False)
    model_disagrees = models.BooleanField(default=False)
    model_smiley = models.ForeignKey(
        Smiley, models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    model_share = models.FloatField(
        null=True, blank=True, help_text="What the active model gives the prompt."
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True, blank=True)

    objects = QueueEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "queue entries"
        indexes = [
            models.Index(fields=["-worth", "photo"], name="queue_best"),
            models.Index(fields=["smiley", "-worth", "photo"], name="queue_best_of_smiley"),
            models.Index(fields=["sent_at"], name="queue_sent"),
            models.Index(
                fields=["claimed_by"], condition=models.Q(claimed_by__isnull=False), name="queue_claimed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} waits"


class GoldPhoto(models.Model):
    """A photo of which staff know the answer. Mixed into everybody's queue, it measures the reviewers."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True, related_name="gold")
    outcome = models.CharField(max_length=8, choices=Outcome)
    smiley = models.ForeignKey(Smiley, models.PROTECT, null=True, blank=True, related_name="+")
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    marked_at = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="accepted", smiley__isnull=False)
                | models.Q(outcome="rejected", smiley__isnull=True),
                name="gold_accepted_names_smiley",
            )
        ]

    def __str__(self) -> str:
        return f"gold {self.photo_id}"


class Check(models.Model):
    """A decided photo that one reviewer is to judge once more, blind, without counting. It goes with the verdict."""

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="checks")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Review.Kind)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["photo", "reviewer", "kind"], name="check_once_a_kind")
        ]
        indexes = [models.Index(fields=["reviewer", "due_at"], name="check_due")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.photo_id} by {self.reviewer_id}"
