"""The keypoint editor, and the same by API."""

import uuid
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collector.media import photo_visible_to
from operations.staff_api import StaffView

from .keypoints import POINTS, face_proposed, face_sheet, keypoints_place
from .models import Face


@require_GET
@permission_required("labeling.add_keypointset", raise_exception=True)
def keypoint_page(request: HttpRequest, face_id: uuid.UUID | None = None) -> HttpResponse:
    """A face to place the points of: the one asked for, else the one proposed first after `?skip=` so many."""
    skipped = request.GET.get("skip", "0")
    skip = min(int(skipped), 10_000) if skipped.isascii() and skipped.isdigit() else 0
    if face_id is not None:
        face: Face | None = get_object_or_404(Face.objects.exclude(crop=""), pk=face_id)
        photo_visible_to(request, face.photo_id)  # type: ignore[union-attr]
    else:
        face = face_proposed(skip)
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Keypoints", "face": face}
    if face is not None:
        sheet = face_sheet(face)
        context |= {
            "sheet": sheet,
            "names": [name.replace("_", " ") for name in sheet["names"]],
            "skip_to": f"{reverse('keypoints')}?skip={skip + 1 if face_id is None else 0}",
            "next": f"{reverse('keypoints')}?skip={skip}",
        }
    return render(request, "admin/keypoints.html", context)


class PointsSerializer(serializers.Serializer[Any]):
    """Fifteen pairs in pixels of the crop, which are visible, and when the human's set was made that was seen."""

    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        min_length=POINTS,
        max_length=POINTS,
    )
    visible = serializers.ListField(child=serializers.BooleanField(), min_length=POINTS, max_length=POINTS)
    seen = serializers.DateTimeField(required=False, allow_null=True)


class KeypointsView(StaffView):
    permission = "labeling.add_keypointset"

    @extend_schema(responses={200: dict})
    def get(self, request: Request, face_id: uuid.UUID) -> Response:
        """The sets of a face by source, in pixels of its crop."""
        return Response(face_sheet(_face(request, face_id)))

    @extend_schema(request=PointsSerializer, responses={200: dict})
    def put(self, request: Request, face_id: uuid.UUID) -> Response:
        """Place the points of a face. A human's set is never overwritten unseen."""
        face = _face(request, face_id)
        given = PointsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        keypoints_place(face=face, reviewer=request.user, **given.validated_data)  # type: ignore[arg-type]
        return Response(face_sheet(Face.objects.get(pk=face.pk)))


def _face(request: Request, face_id: uuid.UUID) -> Face:
    face = get_object_or_404(Face, pk=face_id)
    photo_visible_to(request._request, face.photo_id)
    return face
