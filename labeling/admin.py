"""What was said of photos, in admin."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from operations.admin import ReadOnlyAdmin

from .models import Decision, Face, Review


@admin.register(Face)
class FaceAdmin(ReadOnlyAdmin):
    list_display = (
        "thumbnail",
        "id",
        "photo",
        "is_subject",
        "score",
        "yaw",
        "sharpness",
        "brightness",
        "created_at",
    )
    search_fields = ("=photo__id",)
    ordering = ("-created_at",)

    @admin.display(description="crop")
    def thumbnail(self, face: Face) -> str:
        if not face.crop:
            return ""
        return format_html(
            '<img class="thumbnail" loading="lazy" alt="" src="{}">', reverse("face-crop", args=[face.pk])
        )


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ("photo", "reviewer", "kind", "verdict", "smiley", "reason", "created_at")
    list_filter = ("verdict", "reason", "kind", "reviewer")
    list_select_related = ("reviewer", "smiley")
    search_fields = ("=photo__id",)
    ordering = ("-created_at",)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("photo", "outcome", "smiley", "imported_as", "changed_at")
    list_filter = ("outcome", "smiley")
    list_select_related = ("smiley", "imported_as")
    search_fields = ("=photo__id",)
    ordering = ("-changed_at",)
