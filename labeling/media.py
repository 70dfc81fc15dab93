"""The bytes of crops, for those who may see the photo."""

import uuid

from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from collector.media import photo_visible_to
from operations.private_files import PRIVATE_HEADERS, private_response

from .models import Face, MaskedFace
from .overlay import overlay_svg


@require_GET
@permission_required("collector.view_photo", raise_exception=True)
def photo_overlay(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    """What the detectors see in a photo, for staff."""
    photo = photo_visible_to(request, photo_id)
    try:
        drawing = overlay_svg(photo)
    except FileNotFoundError:
        raise Http404 from None
    return HttpResponse(drawing, content_type="image/svg+xml", headers=PRIVATE_HEADERS)


@require_GET
def masked_face(request: HttpRequest, masked_id: uuid.UUID, part: str) -> FileResponse:
    """A masked crop (`image`), or its mask's alpha (`alpha`)."""
    masked = get_object_or_404(MaskedFace.objects.select_related("face"), pk=masked_id)
    photo_visible_to(request, masked.face.photo_id)
    if part == "alpha":
        return private_response(masked.alpha, content_type="image/png")
    return private_response(masked.image, content_type="image/jpeg")


@require_GET
def face_crop(request: HttpRequest, face_id: uuid.UUID) -> FileResponse:
    face = get_object_or_404(Face, pk=face_id)
    photo_visible_to(request, face.photo_id)
    if not face.crop:
        raise Http404
    return private_response(face.crop, content_type="image/jpeg")
