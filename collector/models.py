"""What volunteers give: smileys to imitate, participants, consent, photos, and what is left of a withdrawal."""

import uuid
from datetime import datetime
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from operations.models import UnchangingQuerySet


class SmileyQuerySet(models.QuerySet["Smiley"]):
    def offered(self) -> "SmileyQuerySet":
        return self.filter(active=True).order_by("order")


class Smiley(models.Model):
    """One of the prompts, named by its shape and never by a feeling."""

    slug = models.SlugField(unique=True)
    glyph = models.CharField(max_length=12)
    title = models.CharField(max_length=60)
    how = models.CharField(max_length=160, help_text="One line on how to make it.")
    order = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)
    # Kept by the services, for counting ten million photos on each prompt is not an option.
    accepted_count = models.PositiveIntegerField(default=0, editable=False)
    accepted_people = models.PositiveIntegerField(
        default=0, editable=False, help_text="Of how many different people."
    )

    objects = SmileyQuerySet.as_manager()

    class Meta:
        ordering = ["order"]

    def __str__(self) -> str:
        return f"{self.glyph} {self.slug}"


class Participant(models.Model):
    """Somebody who gives photos: a random id, and nothing else about them but how much they sent of late."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    # Counted as photos come in, for whoever takes one back has sent it all the same.
    last_sent_on = models.DateField(null=True, editable=False)
    sent_that_day = models.PositiveIntegerField(default=0, editable=False)
    # What staff decided about somebody whom they cannot know.
    muted_at = models.DateTimeField(
        null=True, blank=True, help_text="New photos go to quarantine since then."
    )
    photos_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text="Their own quota; without it that of everybody."
    )

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="participant_newest")]

    def __str__(self) -> str:
        return str(self.id)


class Tally(models.Model):
    """A count that each page shows and the services keep, where counting the rows would take longer each day."""

    name = models.CharField(max_length=40, primary_key=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.count} {self.name}"


class Receipt(models.Model):
    """What brings a participant back on any device: a code that only they have, of which a digest stays here."""

    participant = models.OneToOneField(Participant, models.CASCADE, primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"receipt of {self.participant_id}"


class Scope(models.TextChoices):
    """What a volunteer may allow."""

    TRAIN = "train", _("train the networks of this site")
    SHOW_AS_EXAMPLE = "show_as_example", _("be shown as an example to other volunteers")
    SHARE_IN_RELEASE = "share_in_release", _("be shared with researchers in a released data set")


class ConsentText(models.Model):
    """An immutable text to agree to. A changed text is a new version, and everybody is asked again."""

    version = models.PositiveIntegerField()
    language = models.CharField(max_length=12)
    body = models.JSONField(help_text="Sections: heading, plain, legal.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    objects = UnchangingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "language"], name="consent_text_version_language")
        ]

    def __str__(self) -> str:
        return f"version {self.version} ({self.language})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A consent text never changes: write the next version.")
        super().save(*args, **kwargs)


class Consent(models.Model):
    """Who agreed to which text, when, and to how much. Append-only; the newest row is the one in force."""

    participant = models.ForeignKey(Participant, models.CASCADE, related_name="consents")
    text = models.ForeignKey(ConsentText, models.PROTECT)
    agreed_at = models.DateTimeField(default=timezone.now)
    train = models.BooleanField()
    show_as_example = models.BooleanField()
    share_in_release = models.BooleanField()

    objects = UnchangingQuerySet.as_manager()

    class Meta:
        get_latest_by = ["agreed_at", "pk"]
        indexes = [models.Index(fields=["participant", "-agreed_at"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.participant_id} {', '.join(self.scopes) or 'revoked'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Consents are append-only.")
        super().save(*args, **kwargs)

    @property
    def scopes(self) -> list[str]:
        return [scope for scope in Scope.values if getattr(self, scope)]


class ImportBatch(models.Model):
    """Research pictures brought in by staff. The people in it consented to nothing here, so that its photos
    are never shown as examples and never released."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=200)
    licence = models.CharField(max_length=200)
    legal_basis = models.CharField(max_length=400)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "import batches"
        constraints = [
            models.UniqueConstraint(fields=["source", "licence", "legal_basis"], name="import_batch_once")
        ]

    def __str__(self) -> str:
        return self.source


class PhotoQuerySet(models.QuerySet["Photo"]):
    def awaiting_review(self) -> "PhotoQuerySet":
        return self.filter(state__in=(Photo.State.IN_REVIEW, Photo.State.NO_FACE))

    def accepted(self) -> "PhotoQuerySet":
        return self.filter(state=Photo.State.ACCEPTED)

    def unprocessed(self) -> "PhotoQuerySet":
        return self.filter(processed_at=None)

    def allowed_for_training(self) -> "PhotoQuerySet":
        """By consent, or by the import's legal basis."""
        return self.filter(models.Q(import_batch__isnull=False) | _allowed(Scope.TRAIN))

    def trainable(self) -> "PhotoQuerySet":
        return self.accepted().allowed_for_training()

    def examples(self) -> "PhotoQuerySet":
        return self.accepted().filter(_allowed(Scope.SHOW_AS_EXAMPLE))

    def allowed_by(self, scope: Scope) -> "PhotoQuerySet":
        """Those that were given with consent to `scope`, and still are."""
        return self.filter(_allowed(scope))

    def shared_until(self, ended: Consent) -> "PhotoQuerySet":
        """Those that could be in releases before a consent of their participant's ended that."""
        return self.filter(_allowed(Scope.SHARE_IN_RELEASE, until=ended))

    def since(self, moment: datetime) -> "PhotoQuerySet":
        return self.filter(created_at__gte=moment)


def _allowed(scope: Scope, *, until: Consent | None = None) -> models.Q:
    """Whether the consent a photo was given under has the scope, and every later one of its participant, too:
    narrowing binds all photos, widening later ones."""
    lacking = Consent.objects.filter(
        participant=models.OuterRef("participant"), pk__gte=models.OuterRef("consent"), **{scope: False}
    )
    if until is not None:
        lacking = lacking.filter(pk__lt=until.pk)
    return models.Q(consent__isnull=False) & ~models.Q(models.Exists(lacking))


class Photo(models.Model):
    """One kept selfie. Its pixels are in the private storage under `file`."""

    class State(models.TextChoices):
        RECEIVED = "received", _("received")
        IN_REVIEW = "in_review", _("in review")
        NO_FACE = "no_face", _("we could not find a face")
        ACCEPTED = "accepted", _("accepted, thank you")
        REJECTED = "rejected", _("not used")
        QUARANTINE = "quarantine", _("received")  # of a muted participant: nobody reviews it yet
        # Until a manager has seen to it nobody else sees it, its owner included.
        HIDDEN = "hidden", _("not used and not shown")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(Participant, models.CASCADE, related_name="photos")
    consent = models.ForeignKey(Consent, models.CASCADE, null=True, blank=True)
    import_batch = models.ForeignKey(ImportBatch, models.PROTECT, null=True, blank=True)
    smiley = models.ForeignKey(
        Smiley, models.PROTECT, related_name="prompted_photos", help_text="The prompt."
    )
    client_id = models.UUIDField(
        help_text="Chosen by the sender, so that a repeated upload is the same photo."
    )
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    accepted_as = models.ForeignKey(
        Smiley, models.PROTECT, null=True, blank=True, related_name="accepted_photos"
    )
    file = models.CharField(max_length=120)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="Bytes of the stored file.")
    sha256 = models.CharField(max_length=64, help_text="Of the stored file.")
    upload_sha256 = models.CharField(
        max_length=64, help_text="Of what was sent; tells a repeat from a mix-up."
    )
    live_score = models.FloatField(
        null=True,
        blank=True,
        help_text="What the live model in the sender's browser saw of the prompt, 0 to 1; never a label.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        permissions = [
            ("see_pictures", "Can see the pictures of photos that are to be reviewed"),
            ("handle_hidden", "Can see hidden photos, and decide what becomes of them"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["participant", "client_id"], name="photo_client_id_once"),
            models.CheckConstraint(
                condition=models.Q(consent__isnull=False, import_batch__isnull=True)
                | models.Q(consent__isnull=True, import_batch__isnull=False),
                name="photo_consent_or_import",
            ),
            models.CheckConstraint(
                condition=models.Q(state="accepted", accepted_as__isnull=False)
                | (~models.Q(state="accepted") & models.Q(accepted_as__isnull=True)),
                name="photo_accepted_as_smiley",
            ),
            models.CheckConstraint(
                condition=models.Q(live_score=None) | models.Q(live_score__range=(0, 1)),
                name="photo_live_score_is_a_share",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="photo_queue"),
            models.Index(fields=["participant", "-created_at"], name="photo_mine"),
            models.Index(fields=["-created_at"], name="photo_newest"),
            models.Index(fields=["file"], name="photo_file"),
            models.Index(
                fields=["created_at"], condition=models.Q(processed_at=None), name="photo_unprocessed"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def state_name(self) -> str:
        """What staff call the state. Its label is what volunteers are told, who are not told everything."""
        return self.state.replace("_", " ")

    @staticmethod
    def file_name(photo_id: uuid.UUID, day: datetime) -> str:
        """Where a photo's pixels go: foldered by day, so that no folder grows without bound."""
        return f"photos/{day:%Y/%m/%d}/{photo_id}.jpg"


class TombstoneQuerySet(models.QuerySet["Tombstone"]):
    def delete(self) -> NoReturn:
        raise TypeError("A tombstone stays.")


class Tombstone(models.Model):
    """What stays of a withdrawn photo: its opaque id, so that whoever holds a copy can be told to drop it. A photo
    that is not shared any more has one, too: it is gone from releases, and goes on being learnt from here."""

    class Scope(models.TextChoices):
        EVERYWHERE = "everywhere"
        RELEASES = "releases"

    photo_id = models.UUIDField(primary_key=True)
    withdrawn_at = models.DateTimeField(default=timezone.now, db_index=True)
    dataset_versions = models.JSONField(default=list, help_text="Numbers of the data set versions it was in.")
    scope = models.CharField(
        max_length=10, choices=Scope, default=Scope.EVERYWHERE, help_text="From where it is gone."
    )

    objects = TombstoneQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.photo_id)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("A tombstone stays.")


class WithdrawnImport(models.Model):
    """A picture that was taken back from an import, so that repeating the import does not bring it back.

    Kept is a digest under the import's own random key: it recognises a picture that is brought again, and tells
    nobody which one it was.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    withdrawn_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.digest
