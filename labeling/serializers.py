"""How reviewing looks in the API."""

from typing import Any

from rest_framework import serializers

from .models import Review

MOST_AT_ONCE = 100


class ClaimsAskedSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, default=24)
    mode = serializers.ChoiceField(choices=Review.Mode.choices, default=Review.Mode.SINGLE)
    filters = serializers.DictField(
        child=serializers.CharField(max_length=60, allow_blank=True),
        default=dict,
        help_text="As in the page's address.",
    )
    holding = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=2 * MOST_AT_ONCE,
        default=list,
        help_text="Photos still in front of the reviewer: their lease begins anew, and they are not handed out again.",
    )


class PhotoCardSerializer(serializers.Serializer[Any]):
    """What a reviewer is shown of a photo, and nothing that would tell what others or a model said of it."""

    photo = serializers.UUIDField()
    smiley = serializers.SlugField(help_text="The prompt.")
    image = serializers.CharField()
    crop = serializers.CharField(allow_null=True)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    outline = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        allow_null=True,
        help_text="Corners of the crop in pixels of the photo.",
    )
    flags = serializers.ListField(child=serializers.CharField())


class ClaimsSerializer(serializers.Serializer[Any]):
    photos = PhotoCardSerializer(many=True)
    lease_seconds = serializers.IntegerField()


class VerdictSerializer(serializers.Serializer[Any]):
    photo = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=Review.Verdict.choices)
    smiley = serializers.CharField(
        max_length=50, allow_blank=True, default="", help_text="The slug, for `other`."
    )
    reason = serializers.ChoiceField(choices=Review.Reason.choices, allow_blank=True, default="")
    seconds = serializers.FloatField(allow_null=True, default=None, help_text="How long it was looked at.")


class VerdictsSerializer(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(choices=Review.Mode.choices, default=Review.Mode.SINGLE)
    verdicts = serializers.ListField(child=VerdictSerializer(), min_length=1, max_length=MOST_AT_ONCE)


class ProblemSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    status = serializers.IntegerField()


class VerdictResultSerializer(serializers.Serializer[Any]):
    photo = serializers.UUIDField()
    review = serializers.IntegerField(allow_null=True)
    problem = ProblemSerializer(allow_null=True)


class UndoSerializer(serializers.Serializer[Any]):
    reviews = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62), min_length=1, max_length=MOST_AT_ONCE
    )


class UndoResultSerializer(serializers.Serializer[Any]):
    review = serializers.IntegerField()
    photo = PhotoCardSerializer(allow_null=True)
    problem = ProblemSerializer(allow_null=True)


class RevealSerializer(serializers.Serializer[Any]):
    review = serializers.IntegerField(min_value=1, max_value=2**62)


class RevealedSerializer(serializers.Serializer[Any]):
    others = serializers.ListField(child=serializers.CharField(), help_text="Without names.")


class GivenSerializer(serializers.Serializer[Any]):
    """A verdict that its reviewer may still take back."""

    review = serializers.IntegerField(source="pk")
    verdict = serializers.CharField()
    smiley = serializers.CharField(source="smiley.slug", default=None)
    reason = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")
    photo = serializers.UUIDField(source="photo_id")


class ReleaseSerializer(serializers.Serializer[Any]):
    photos = serializers.ListField(child=serializers.UUIDField(), max_length=2 * MOST_AT_ONCE)


def results_of(serializer: type[serializers.Serializer[Any]]) -> Any:
    """The shape `{"results": […]}` for the documentation."""
    from drf_spectacular.utils import inline_serializer

    name = serializer.__name__.replace("Serializer", "s")
    return inline_serializer(name, {"results": serializer(many=True)})
