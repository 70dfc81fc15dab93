"""What detectors say of a photo, and what is made of its face."""

import uuid
from datetime import datetime

from django.db import models
from django.utils import timezone

from collector.models import Photo

CROP_SIZE = 256
BANDS = 5
_BAND_BITS = 13


def hash_bands(perceptual_hash: int) -> dict[str, int]:
    """The bands of a hash by the names of their columns: of hashes that differ in four bits at most one is equal."""
    mask = (1 << _BAND_BITS) - 1
    return {f"band_{band}": (perceptual_hash >> _BAND_BITS * band) & mask for band in range(BANDS)}


def _band(number: int) -> models.GeneratedField:
    """A part of the hash, by which near hashes are found."""
    shifted = models.F("perceptual_hash").bitrightshift(_BAND_BITS * number)
    return models.GeneratedField(
        expression=shifted.bitand((1 << _BAND_BITS) - 1),
        output_field=models.BigIntegerField(),
        db_persist=True,
        db_index=True,
    )


class Analysis(models.Model):
    """What the detectors found out about a photo as a whole."""

    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True)
    flags = models.JSONField(default=dict, help_text="Named quality flags with the values measured.")
    perceptual_hash = models.BigIntegerField(help_text="64 bits, as a signed number.")
    band_0 = _band(0)
    band_1 = _band(1)
    band_2 = _band(2)
    band_3 = _band(3)
    band_4 = _band(4)
    compared = models.BooleanField(default=False, help_text="Whether near-duplicates have been looked for.")
    crowded = models.BooleanField(
        default=False, help_text="More photos of others have a near hash than it was compared with."
    )
    analysed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "analyses"
        indexes = [
            models.Index(
                fields=["analysed_at"],
                condition=models.Q(compared=False),
                name="analysis_uncompared",
            )
        ]

    def __str__(self) -> str:
        return f"analysis of {self.photo_id}"


class NearDuplicateQuerySet(models.QuerySet["NearDuplicate"]):
    def across_people(self) -> "NearDuplicateQuerySet":
        """Those of two people, unless staff see two different pictures."""
        return self.filter(same_participant=False, differ=False)


class NearDuplicate(models.Model):
    """Two photos that are nearly the same. `photo` is the later one."""

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="near_earlier")
    other = models.ForeignKey(Photo, models.CASCADE, related_name="near_later")
    bits = models.PositiveSmallIntegerField(help_text="By so many of 64 their perceptual hashes differ.")
    difference = models.FloatField(
        help_text="Grey levels by which they differ where they differ most about the face."
    )
    same_participant = models.BooleanField()
    found_at = models.DateTimeField(default=timezone.now)
    ruled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When staff decided which of the two to keep."
    )
    differ = models.BooleanField(
        default=False, editable=False, help_text="Staff kept both: to the eye they are not the same."
    )

    objects = NearDuplicateQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["photo", "other"], name="near_duplicate_once")]
        indexes = [
            models.Index(
                fields=["-found_at", "-id"], condition=models.Q(ruled_at=None), name="near_duplicate_waits"
            )
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} is nearly {self.other_id}"

    def other_than(self, photo: Photo) -> Photo:
        return self.other if self.photo_id == photo.pk else self.photo

    @classmethod
    def of(cls, one: Photo, another: Photo, *, bits: int, difference: float) -> "NearDuplicate":
        """The pair, not saved, the later photo first, whichever of the two was looked at."""
        other, photo = sorted((one, another), key=lambda photo: (photo.created_at, photo.pk))
        return cls(
            photo=photo,
            other=other,
            bits=bits,
            difference=difference,
            same_participant=photo.participant_id == other.participant_id,
        )


class Face(models.Model):
    """A face found in a photo. Coordinates are pixels of the stored photo."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photo = models.ForeignKey(Photo, models.CASCADE, related_name="faces")
    is_subject = models.BooleanField(help_text="The face the photo is about; only its crop is kept.")
    x = models.FloatField()
    y = models.FloatField()
    width = models.FloatField()
    height = models.FloatField()
    score = models.FloatField()
    yaw = models.FloatField(help_text="Degrees.")
    pitch = models.FloatField(help_text="Degrees.")
    roll = models.FloatField(help_text="Degrees.")
    sharpness = models.FloatField()
    brightness = models.FloatField()
    flags = models.JSONField(default=dict, help_text="Named quality flags with the values measured.")
    crop = models.CharField(max_length=120, blank=True)
    transform = models.JSONField(help_text="Photo to crop: the six numbers of a similarity transform.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["photo"], condition=models.Q(is_subject=True), name="face_one_subject_a_photo"
            )
        ]
        indexes = [
            models.Index(fields=["crop"], name="face_crop"),
            models.Index(fields=["-created_at", "-id"], name="face_newest"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def box(self) -> list[float]:
        return [self.x, self.y, self.width, self.height]

    def crop_outline(self) -> list[tuple[float, float]]:
        """The four corners of the crop in pixels of the photo, clockwise from where the crop has its upper left."""
        (a, b, left), (c, d, top) = self.transform
        determinant = a * d - b * c
        corners = ((0, 0), (CROP_SIZE, 0), (CROP_SIZE, CROP_SIZE), (0, CROP_SIZE))
        shifted = [(x - left, y - top) for x, y in corners]
        return [((d * x - b * y) / determinant, (a * y - c * x) / determinant) for x, y in shifted]

    @staticmethod
    def crop_name(day: datetime) -> str:
        return f"crops/{day:%Y/%m/%d}/{uuid.uuid4()}.jpg"


class KeypointSet(models.Model):
    """The 15 points of a face by one source, in pixels of the stored photo and Kaggle's order."""

    class Source(models.TextChoices):
        MESH = "mesh"
        MODEL = "model"
        HUMAN = "human"

    face = models.ForeignKey(Face, models.CASCADE, related_name="keypoint_sets")
    source = models.CharField(max_length=5, choices=Source)
    points = models.JSONField(help_text="Fifteen pairs x, y; null for both where nobody placed the point.")
    visible = models.JSONField(help_text="Fifteen booleans.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["face", "source"], name="keypoints_once_a_source")]

    def __str__(self) -> str:
        return f"{self.source} keypoints of {self.face_id}"


class MaskedFace(models.Model):
    """A face's crop with a synthetic mask on it: with the crop a pair, aligned to the pixel."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    face = models.ForeignKey(Face, models.CASCADE, related_name="masked")
    style = models.CharField(max_length=40)
    seed = models.PositiveBigIntegerField(help_text="Draws the same mask again.")
    parameters = models.JSONField(default=dict, help_text="How it is worn, and what was measured.")
    image = models.CharField(max_length=120, help_text="JPEG of the masked crop.")
    alpha = models.CharField(max_length=120, help_text="PNG: how far each pixel was changed.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["face", "style", "seed"], name="masked_face_once")]
        indexes = [models.Index(fields=["image"], name="masked_face_image")]

    def __str__(self) -> str:
        return f"{self.style} on {self.face_id}"

    @staticmethod
    def file_names(day: datetime) -> tuple[str, str]:
        name = uuid.uuid4()
        return f"masks/{day:%Y/%m/%d}/{name}.jpg", f"masks/{day:%Y/%m/%d}/{name}.png"
