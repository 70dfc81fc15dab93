"""Bringing a video in by admin: sent, looked at, named, and what came of it."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from operations.admin import ReadOnlyAdmin
from operations.audit import actor_of
from operations.private_files import private_response
from operations.problems import Problem, problem_response

from .models import VideoImport, videos
from .video_arrival import video_begin, video_drop, video_take
from .video_forms import VideoForm
from .video_imports import LEAVE_OUT
from .video_work import video_erase, video_name, video_retry

_MAY = "labeling.add_videoimport"


@admin.register(VideoImport)
class VideoImportAdmin(ReadOnlyAdmin):
    change_form_template = "admin/video.html"
    list_display = ("name", "stage", "photos", "smiley", "batch", "created_by", "created_at")
    list_select_related = ("job", "smiley", "batch")
    ordering = ("-created_at",)

    @admin.display(description="state")
    def stage(self, video: VideoImport) -> str:
        return video.stage.label

    @admin.display(description="photos")
    def photos(self, video: VideoImport) -> str:
        return f"{video.result['new']:,} new" if video.result and "new" in video.result else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(_MAY)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form; posted by its script, with the video's name and size, the address that takes the pieces."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return _begun(request)
        context = {**admin.site.each_context(request), "title": "Bring in a video", "form": VideoForm()}
        return render(request, "admin/video_add.html", {**context, "most_bytes": settings.VIDEO_MAX_BYTES})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"stages": VideoImport.Stage, "may": request.user.has_perm(_MAY)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})


def _begun(request: HttpRequest) -> HttpResponse:
    form = VideoForm(request.POST)
    if not form.is_valid():
        problem = Problem("form_incomplete", "See above.", status=422, errors=form.errors.get_json_data())
        return problem_response(problem)
    said = form.cleaned_data
    words = {name: said.pop(name) for name in ("source", "licence", "legal_basis")}
    try:
        video = video_begin(**said, words=words, actor=actor_of(request))
    except Problem as problem:
        return problem_response(problem)
    facts = {"pieces": reverse("video-piece", args=[video.pk]), "piece_bytes": videos.PIECE_BYTES}
    return JsonResponse(
        {**facts, "page": reverse("admin:labeling_videoimport_change", args=[video.pk])}, status=201
    )


@require_POST
@permission_required(_MAY, raise_exception=True)
def video_piece(request: HttpRequest, video_id: uuid.UUID) -> HttpResponse:
    """Take a piece of a video, the bytes from `at` on, as the body."""
    video = get_object_or_404(VideoImport.objects.kept(), pk=video_id)
    try:
        at = int(request.GET.get("at", ""))
        received = video_take(video=video, at=at, data=request.read(videos.PIECE_BYTES + 1))
    except ValueError:
        return problem_response(Problem("piece_wrong", "Say by at= where the piece begins."))
    except Problem as problem:
        return problem_response(problem)
    return JsonResponse({"received": received})


@require_POST
@permission_required(_MAY, raise_exception=True)
def video_decide(request: HttpRequest, video_id: uuid.UUID) -> HttpResponse:
    """What staff do with a video that waits for them: say who is who, try again, or erase it."""
    video = get_object_or_404(VideoImport, pk=video_id)
    actor = actor_of(request)
    if video.stage == VideoImport.Stage.ARRIVING and request.POST.get("decision") == "erase":
        video_drop(video=video)
        return redirect("admin:labeling_videoimport_changelist")
    try:
        match request.POST.get("decision"):
            case "name":
                video_name(video=video, people=_people(request, video), actor=actor)
            case "retry":
                video_retry(video=video, actor=actor)
            case "erase":
                video_erase(video=video, actor=actor)
            case _:
                raise Problem("decision_unknown", "Choose one of the buttons.")
    except Problem as problem:
        messages.warning(request, problem.detail)
    return redirect("admin:labeling_videoimport_change", video.pk)


def _people(request: HttpRequest, video: VideoImport) -> list[str]:
    """The name of each track, in their order: empty for a person of its own."""
    numbers = range(1, max((track["number"] for track in video.tracks or []), default=0) + 1)
    return [
        LEAVE_OUT if request.POST.get(f"out-{number}") else request.POST.get(f"person-{number}", "")[:60]
        for number in numbers
    ]


@require_GET
@permission_required("labeling.view_videoimport", raise_exception=True)
def video_track(request: HttpRequest, video_id: uuid.UUID, number: int) -> FileResponse:
    """The picture of somebody in a video."""
    video = get_object_or_404(VideoImport, pk=video_id)
    if number not in [track["number"] for track in video.tracks or []]:
        raise Http404
    return private_response(video.picture_name(number), content_type="image/jpeg")
