"""What people say of a photo, and what it adds up to."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from collector.models import Photo, Smiley

from ..decisions import HIDING, Ballot


class ReviewQuerySet(models.QuerySet["Review"]):
    def standing(self) -> "ReviewQuerySet":
        """Neither undone by their reviewer nor set aside when the photo was opened again."""
        return self.filter(set_aside_at=None)

    def counting(self) -> "ReviewQuerySet":
        """Those that decide."""
        return self.standing().filter(kind=Review.Kind.DECIDE)


class Review(models.Model):
    """One reviewer's verdict on one photo. It never goes: what no longer holds is set aside, and stays as history."""

    class Kind(models.TextChoices):
        """Only the first counts towards the decision; the others measure reviewers, who cannot tell them apart."""

        DECIDE = "decide"
        RECHECK = "recheck", "recheck: a photo that one reviewer decided alone, a week later"
        GRID_CHECK = "grid_check", "grid check: what was passed in the grid, once more singly"
        GOLD = "gold", "gold: the answer is known"

    class Mode(models.TextChoices):
        GRID = "grid"
        SINGLE = "single"

    class Verdict(models.TextChoices):
        MATCH = "match", "matches the prompt"
        OTHER = "other", "is another smiley"
        UNCLEAR = "unclear", "unclear"
        REJECT = "reject", "reject"

    class Reason(models.TextChoices):
        NO_FACE = "no_face", "no face"
        NOT_ALONE = "not_alone", "not the person alone"
        NOT_TRYING = "not_trying", "not trying"
        INDECENT = "indecent", "indecent"
        BAD_QUALITY = "bad_quality", "bad quality"
        UNDER_AGE = "under_age", "under age"
        OTHER = "other", "another reason"

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DECIDE)
    mode = models.CharField(max_length=6, choices=Mode, default=Mode.SINGLE)
    verdict = models.CharField(max_length=7, choices=Verdict)
    smiley = models.ForeignKey(Smiley, models.PROTECT, null=True, blank=True)
    reason = models.CharField(max_length=11, choices=Reason, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="How long the reviewer looked at it.")
    created_at = models.DateTimeField(default=timezone.now)
    set_aside_at = models.DateTimeField(
        null=True, blank=True, help_text="Undone, or the photo was opened again."
    )

    revealed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="From then on the reviewer knew what others said: it is not undone any more.",
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["photo", "reviewer", "kind"],
                condition=models.Q(set_aside_at=None),
                name="review_once_a_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict="other", smiley__isnull=False)
                | (~models.Q(verdict="other") & models.Q(smiley__isnull=True)),
                name="review_other_names_smiley",
            ),
            models.CheckConstraint(
                condition=(models.Q(verdict="reject") & ~models.Q(reason=""))
                | (~models.Q(verdict="reject") & models.Q(reason="")),
                name="review_reject_names_reason",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "-created_at"], name="review_mine")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"

    @property
    def ballot(self) -> Ballot:
        slug = self.smiley.slug if self.smiley else None
        return Ballot(self.verdict, slug, self.reason, counts=self.kind == Review.Kind.DECIDE)

    @property
    def hides(self) -> bool:
        return self.reason in HIDING


class DecisionQuerySet(models.QuerySet["Decision"]):
    def out_of_step(self, quorum: int, majority: int) -> "DecisionQuerySet":
        """Decisions that this rule would take differently. `satisfied` tells which way."""
        margin = 100 * models.F("votes") - majority * models.F("ballots")
        satisfied = models.Q(votes__gte=quorum, margin__gt=0)
        visible = self.exclude(outcome=Decision.Outcome.HIDDEN)
        marked = visible.annotate(margin=models.ExpressionWrapper(margin, models.IntegerField())).annotate(
            satisfied=models.Case(
                models.When(satisfied, then=True), default=False, output_field=models.BooleanField()
            )
        )
        return marked.exclude(by_reviews=models.F("satisfied"))


class Decision(models.Model):
    """What the reviews of a photo add up to, or the label it was imported with while they add up to nothing."""

    class Outcome(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        HIDDEN = "hidden", "hidden: somebody calls it indecent or under age"

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.OPEN)
    smiley = models.ForeignKey(Smiley, models.PROTECT, null=True, blank=True, related_name="decisions")
    imported_as = models.ForeignKey(
        Smiley, models.PROTECT, null=True, blank=True, related_name="imported_decisions"
    )
    # What the counting reviews say, so that another rule can be tried on a million photos without reading them.
    votes = models.PositiveSmallIntegerField(default=0, help_text="For the leading outcome.")
    ballots = models.PositiveSmallIntegerField(default=0, help_text="Of all reviewers.")
    by_reviews = models.BooleanField(
        default=False, help_text="The reviews decide it, not the imported label."
    )
    changed_at = models.DateTimeField(default=timezone.now)
    reopened_at = models.DateTimeField(null=True, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="accepted", smiley__isnull=False)
                | (~models.Q(outcome="accepted") & models.Q(smiley__isnull=True)),
                name="decision_accepted_names_smiley",
            )
        ]
        indexes = [models.Index(fields=["-changed_at", "-photo"], name="decision_newest")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.smiley_id or ''}".strip()
