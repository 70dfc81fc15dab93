"""How collector's objects look in the API."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from .models import Consent, ConsentText, Photo, Scope, Smiley, Tombstone
from .wording import shown


class SmileySerializer(serializers.ModelSerializer[Smiley]):
    class Meta:
        model = Smiley
        fields = ("slug", "glyph", "title", "how")

    def to_representation(self, instance: Smiley) -> Any:
        return super().to_representation(shown(instance))  # type: ignore[arg-type]


class ConsentTextSerializer(serializers.ModelSerializer[ConsentText]):
    scopes = serializers.SerializerMethodField()
    minimum_age = serializers.SerializerMethodField()

    class Meta:
        model = ConsentText
        fields = ("id", "version", "language", "sha256", "body", "scopes", "minimum_age")

    def get_scopes(self, text: ConsentText) -> list[dict[str, Any]]:
        return [{"name": s.value, "label": str(s.label), "required": s is Scope.TRAIN} for s in Scope]

    def get_minimum_age(self, text: ConsentText) -> int:
        return int(settings.MINIMUM_AGE)


class ConsentGiveSerializer(serializers.Serializer[Any]):
    consent_text = serializers.PrimaryKeyRelatedField(queryset=ConsentText.objects.all())
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=10)
    age_affirmed = serializers.BooleanField()


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Consent
        fields = ("id", "participant", "text", "scopes", "agreed_at")


class ReceiptSerializer(serializers.Serializer[Any]):
    """A receipt code, in either direction."""

    code = serializers.CharField(max_length=200)


class PhotoUploadSerializer(serializers.Serializer[Any]):
    """The shape of an upload, for the schema; the view reads its parts by hand, for each has its own error code."""

    image = serializers.FileField()
    smiley = serializers.SlugField()
    client_id = serializers.UUIDField()
    live_score = serializers.FloatField(required=False, min_value=0, max_value=1)


class PhotoSerializer(serializers.ModelSerializer[Photo]):
    smiley = serializers.SlugRelatedField[Smiley](slug_field="slug", read_only=True)
    state_text = serializers.CharField(source="get_state_display")
    accepted_as = serializers.SlugRelatedField[Smiley](slug_field="slug", read_only=True)
    image = serializers.SerializerMethodField()

    class Meta:
        model = Photo
        fields = (
            "id",
            "client_id",
            "smiley",
            "state",
            "state_text",
            "accepted_as",
            "live_score",
            "created_at",
            "image",
        )

    @extend_schema_field(serializers.CharField())
    def get_image(self, photo: Photo) -> str:
        return reverse("photo-image", args=[photo.pk])


class ExampleSerializer(serializers.Serializer[Photo]):
    photo = serializers.UUIDField(source="pk")
    image = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField())
    def get_image(self, photo: Photo) -> str:
        return reverse("photo-image", args=[photo.pk])


class TombstoneSerializer(serializers.ModelSerializer[Tombstone]):
    class Meta:
        model = Tombstone
        fields = ("photo_id", "withdrawn_at", "dataset_versions", "scope")
