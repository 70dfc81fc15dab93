"""What was collected, in admin."""

from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from operations.admin import LongListAdmin, ReadOnlyAdmin, short_id
from operations.audit import actor_of

from .models import ConsentText, ImportBatch, Participant, Photo, PhotoQuerySet, Smiley, Tombstone
from .services import photo_withdraw
from .withdrawing import WITHDRAWAL, photos_withdraw_later

_PHOTOS_SHOWN = 60


@admin.register(Smiley)
class SmileyAdmin(admin.ModelAdmin[Smiley]):
    list_display = ("glyph", "slug", "title", "order", "active", "accepted_count")
    list_editable = ("order", "active")
    list_display_links = ("glyph", "slug")
    ordering = ("order",)

    def get_readonly_fields(self, request: HttpRequest, obj: Smiley | None = None) -> tuple[str, ...]:
        # Exported data sets, trained models and drawings know it by this name.
        return ("slug",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Smiley, form: Any, change: bool) -> None:
        # Only what was changed: the counts may be other ones than when the form was opened.
        obj.save(update_fields=form.changed_data if change else None)


class StateFilter(admin.SimpleListFilter):
    """By the names that staff know the states by."""

    title = "state"
    parameter_name = "state__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, Photo(state=state).state_name) for state in Photo.State.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Photo]) -> QuerySet[Photo]:
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(Photo)
class PhotoAdmin(LongListAdmin):
    list_display = ("thumbnail", "short_id", "smiley", "state_name", "accepted_as", "import_batch", "sent_at")
    list_display_links = ("thumbnail", "short_id")
    list_filter = (StateFilter, "created_at", "smiley", "import_batch")
    list_select_related = ("smiley", "accepted_as", "import_batch")
    search_fields = ("=id", "=participant__id")
    ordering = ("-created_at",)
    actions = ("withdraw",)
    readonly_fields: ClassVar[tuple[str, ...]] = ("picture",)

    @admin.display(description="photo")
    def thumbnail(self, photo: Photo) -> str:
        return format_html(
            '<img class="thumbnail" loading="lazy" alt="" src="{}">', reverse("photo-image", args=[photo.pk])
        )

    @admin.display(description="id")
    def short_id(self, photo: Photo) -> str:
        return short_id(photo.pk)

    @admin.display(description="came in")
    def sent_at(self, photo: Photo) -> str:
        return f"{photo.created_at:%Y-%m-%d %H:%M}"

    @admin.display(description="state")
    def state_name(self, photo: Photo) -> str:
        return photo.state_name

    @admin.display(description="photo")
    def picture(self, photo: Photo) -> str:
        return format_html('<img class="picture" alt="" src="{}">', reverse("photo-image", args=[photo.pk]))

    @admin.action(description="Withdraw for good, at the participant's wish", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, photos: QuerySet[Photo]) -> None:
        if request.POST.get("select_across") != "1":
            for photo in photos:
                photo_withdraw(photo=photo, actor=actor_of(request))
            return
        count = photos_withdraw_later(photos=cast(PhotoQuerySet, photos), actor=actor_of(request))
        jobs = f"{reverse('admin:operations_job_changelist')}?kind={WITHDRAWAL}"
        messages.info(
            request,
            format_html(
                '{} photos are being withdrawn: <a href="{}">see how far it is</a>.', f"{count:,}", jobs
            ),
        )

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("collector.delete_photo")


class MutedFilter(admin.SimpleListFilter):
    title = "muted"
    parameter_name = "muted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Participant]) -> QuerySet[Participant]:
        return queryset.exclude(muted_at=None) if self.value() else queryset


@admin.register(Participant)
class ParticipantAdmin(LongListAdmin):
    """Somebody's photos together, and what staff decided about them. Who they are is not known to anybody here."""

    change_form_template = "admin/participant.html"
    list_display = ("short_id", "created_at", "last_sent_on", "sent_that_day", "muted_at", "photos_per_day")
    list_filter = (MutedFilter, "created_at")
    search_fields = ("=id",)
    ordering = ("-created_at",)
    fields = ("created_at", "last_sent_on", "sent_that_day", "muted_at", "photos_per_day")

    @admin.display(description="id")
    def short_id(self, participant: Participant) -> str:
        return short_id(participant.pk)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        somebody = self.get_object(request, unquote(object_id))
        photos = Photo.objects.none() if somebody is None else somebody.photos.select_related("smiley")
        if not request.user.has_perm("collector.handle_hidden"):
            photos = photos.exclude(state=Photo.State.HIDDEN)
        shown = list(photos.order_by("-created_at", "pk")[: _PHOTOS_SHOWN + 1])
        known = {
            "photos": shown[:_PHOTOS_SHOWN],
            "more": len(shown) > _PHOTOS_SHOWN,
            "quota": settings.PHOTOS_PER_DAY,
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **known})


@admin.register(ConsentText, ImportBatch, Tombstone)
class PlainAdmin(ReadOnlyAdmin):
    def get_list_display(self, request: HttpRequest) -> Any:
        return [field.name for field in self.model._meta.concrete_fields if field.name != "body"]
