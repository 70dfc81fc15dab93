"""What is made of labelled photos: data set versions, training runs, models, predictions."""

import uuid

from django.db import models
from django.utils import timezone

from collector.models import Participant, Photo, Smiley
from labeling.models import Face

from .exports.models import Export, ExportDownload

__all__ = [
    "DatasetItem",
    "DatasetVersion",
    "Export",
    "ExportDownload",
    "LeftOut",
    "ModelVersion",
    "PackShard",
    "Prediction",
    "Split",
    "SplitAssignment",
    "Task",
    "TrainingRun",
]


class Split(models.TextChoices):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class SplitAssignment(models.Model):
    """On which side a participant stands: decided once, so that nobody ever moves or leaks."""

    participant = models.OneToOneField(Participant, models.CASCADE, primary_key=True)
    split = models.CharField(max_length=10, choices=Split)
    assigned_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.participant_id} {self.split}"


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def frozen(self) -> "DatasetVersionQuerySet":
        """Without the draft of one that is being frozen."""
        return self.filter(draft=False)


class DatasetVersion(models.Model):
    """An immutable, numbered list of accepted photos with labels and splits, identified by its manifest's SHA-256.

    What is withdrawn later leaves it: then it is revision N.r1, N.r2, …, with a manifest and a hash of their own.
    """

    number = models.PositiveIntegerField(primary_key=True)
    revision = models.PositiveIntegerField(default=0)
    draft = models.BooleanField(
        default=False, editable=False, help_text="Its items are still being gathered: it is no version yet."
    )
    sha256 = models.CharField(max_length=64, db_index=True)
    manifest = models.CharField(max_length=120)
    photos = models.PositiveIntegerField()
    people = models.PositiveIntegerField()
    counts = models.JSONField(help_text="Photos by smiley and split.")
    unchecked = models.PositiveIntegerField(
        null=True,
        editable=False,
        help_text="Photos that look like more others than they were compared with; nothing, if none was compared.",
    )
    facts = models.JSONField(default=dict, editable=False, help_text="What its datasheet says.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=160)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        get_latest_by = "number"

    def __str__(self) -> str:
        return f"{self.number}.r{self.revision}" if self.revision else str(self.number)


class DatasetItem(models.Model):
    """A photo in a version, with the label and the split it had then."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="items")
    photo = models.ForeignKey(Photo, models.CASCADE)
    smiley = models.ForeignKey(Smiley, models.PROTECT)
    split = models.CharField(max_length=10, choices=Split)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "photo"], name="dataset_item_once")]

    def __str__(self) -> str:
        return f"{self.photo_id} in {self.version_id}"


class LeftOut(models.Model):
    """A photo that was left out of a version, for it is nearly the same as another person's on another side. It goes
    with either photo; the version stays without it all the same."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="left_out")
    photo = models.ForeignKey(Photo, models.CASCADE, related_name="+")
    kept = models.ForeignKey(Photo, models.CASCADE, related_name="+", help_text="The one that stays.")
    bits = models.PositiveSmallIntegerField(help_text="By so many of 64 their perceptual hashes differ.")
    difference = models.FloatField(help_text="Grey levels by which their pixels differ.")

    class Meta:
        verbose_name_plural = "photos left out"
        constraints = [models.UniqueConstraint(fields=["version", "photo"], name="left_out_once")]

    def __str__(self) -> str:
        return f"{self.photo_id} left out of {self.version_id}"


class Task(models.TextChoices):
    SMILEY = "smiley"
    KEYPOINTS = "keypoints"
    UNMASK = "unmask", "mask removal"


class PackShard(models.Model):
    """A file of packed pixels in the cache, from which trainings take their data. See `shards`."""

    inputs = models.CharField(
        max_length=64, primary_key=True, help_text="SHA-256 of all that decides what is in it."
    )
    version = models.ForeignKey(DatasetVersion, models.CASCADE, help_text="The newest that uses it.")
    task = models.CharField(max_length=10, choices=Task)
    size = models.PositiveSmallIntegerField()
    bits = models.PositiveSmallIntegerField(help_text="It holds photos whose ids begin with the same bits:")
    prefix = models.PositiveIntegerField(help_text="these.")
    file = models.CharField(max_length=120, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField(default=0)
    changed = models.BooleanField(default=False, help_text="A photo has left it, or no version uses it.")
    used_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["bits", "prefix"], name="shard_of_photo")]

    def __str__(self) -> str:
        return f"{self.task} {self.size} {self.inputs[:12]}"


class TrainingRun(models.Model):
    """One training: what was asked, how far it is, what came out."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.CharField(max_length=10, choices=Task, default=Task.SMILEY)
    architecture = models.CharField(max_length=40, default="smielfy_faces")
    version = models.ForeignKey(DatasetVersion, models.PROTECT, limit_choices_to={"draft": False})
    photos = models.PositiveIntegerField(default=0, help_text="Left in the version when the training began.")
    epochs = models.PositiveIntegerField(default=40)
    max_seconds = models.PositiveIntegerField(default=3600)
    seed = models.PositiveIntegerField(default=1)
    promotes = models.BooleanField(
        "promote by itself",
        default=False,
        help_text="Its model serves at once when it is better than the active one beyond noise.",
    )
    warm_start = models.BooleanField(
        "go on from the active model, too",
        default=False,
        help_text="What is better on the validation people is kept. A stale model is never gone on from.",
    )
    random_split = models.BooleanField(
        "divide pictures at random, too",
        default=False,
        help_text="To show beside the figures how much better a model seems that is tested on people it has seen.",
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    trials = models.JSONField(default=list, help_text="The trainings that share its seconds, see `trials`.")
    started_from = models.ForeignKey(
        "ModelVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="followers",
        help_text="The model that the one that was kept went on from: it knows what that one has learned.",
    )
    history = models.JSONField(default=list, help_text="One record an epoch of each training.")
    metrics = models.JSONField(default=dict, help_text="On people the model never saw.")
    error = models.TextField(blank=True)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="run_newest")]

    def __str__(self) -> str:
        return f"{self.task} {self.architecture} on {self.version_id} ({self.state})"


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def active(self, task: str) -> "ModelVersion | None":
        return self.filter(task=task, state=ModelVersion.State.ACTIVE).first()


class ModelVersion(models.Model):
    """A registered result. `stale_since`: something it was trained on has been withdrawn, so it is never promoted
    again, and serves only until another takes its place. `pinned`: it serves whatever comes. `judgement`: what the
    rule said of it, see `promotion`."""

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        ACTIVE = "active"
        RETIRED = "retired"

    task = models.CharField(max_length=10, choices=Task)
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, models.PROTECT, related_name="model")
    state = models.CharField(max_length=9, choices=State, default=State.CANDIDATE)
    stale_since = models.DateTimeField(null=True, blank=True)
    pinned = models.BooleanField(default=False)
    judgement = models.JSONField(default=dict, help_text="What the rule of promotion said of it, and why.")
    artifact = models.CharField(max_length=120, help_text="Folder in the private storage.")
    files = models.JSONField(help_text="Names and SHA-256 of the artifact's files.")
    classes = models.JSONField()
    metrics = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    promoted_at = models.DateTimeField(null=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "number"], name="model_number_once"),
            models.UniqueConstraint(
                fields=["task"], condition=models.Q(state="active"), name="model_one_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.number}"


class Prediction(models.Model):
    """What a model said of a face. Never mixed with labels."""

    face = models.ForeignKey(Face, models.CASCADE, related_name="predictions")
    model = models.ForeignKey(ModelVersion, models.CASCADE)
    smiley = models.ForeignKey(Smiley, models.PROTECT, help_text="The winner of the vote.")
    share = models.FloatField(help_text="Its share of the 45 windows' vote.")
    distribution = models.JSONField(help_text="Share of the vote by slug.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["face", "model"], name="prediction_once_a_model")]

    def __str__(self) -> str:
        return f"{self.smiley_id} {self.share:.0%}"
