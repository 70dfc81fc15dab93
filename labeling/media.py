"""The bytes of crops, for those who may see the photo."""

import uuid

from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from collector.media import photo_visible_to
from operations.private_files import private_response

from .models import Face


@require_GET
def face_crop(request: HttpRequest, face_id: uuid.UUID) -> FileResponse:
    face = get_object_or_404(Face, pk=face_id)
    photo_visible_to(request, face.photo_id)
    if not face.crop:
        raise Http404
    return private_response(face.crop, content_type="image/jpeg")
