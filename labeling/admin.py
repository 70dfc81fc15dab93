"""What was said of photos, in admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from collector.admin import PhotoAdmin
from collector.models import Photo
from operations.admin import LongListAdmin

from .models import Decision, Face, Review
from .selectors import photo_knowledge
from .video_admin import VideoImportAdmin as VideoImportAdmin

admin.site.unregister(Photo)


@admin.register(Photo)
class AnalysedPhotoAdmin(PhotoAdmin):
    """A photo with all that is known of its faces, and what the workers did with it."""

    change_form_template = "admin/photo.html"
    readonly_fields: ClassVar[tuple[str, ...]] = ()
    fields = (
        "participant",
        "consent",
        "import_batch",
        "created_at",
        "processed_at",
        "width",
        "height",
        "size",
        "sha256",
    )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        photo = self.get_object(request, unquote(object_id))
        known = photo_knowledge(photo) if photo is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **known})


@admin.register(Face)
class FaceAdmin(LongListAdmin):
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
class ReviewAdmin(LongListAdmin):
    list_display = ("photo_id", "reviewer", "kind", "verdict", "smiley", "reason", "created_at")
    list_filter = ("verdict", "reason", "kind", "reviewer")
    list_select_related = ("reviewer", "smiley")
    search_fields = ("=photo__id",)
    ordering = ("-pk",)


@admin.register(Decision)
class DecisionAdmin(LongListAdmin):
    list_display = ("photo_id", "outcome", "smiley", "imported_as", "changed_at")
    list_filter = ("outcome", "smiley")
    list_select_related = ("smiley", "imported_as")
    search_fields = ("=photo__id",)
    ordering = ("-changed_at",)
