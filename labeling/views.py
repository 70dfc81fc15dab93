"""A mask on a photo's face, on demand."""

import secrets
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from operations.problems import Problem

from .masking import face_mask
from .models import Face


@require_POST
@permission_required("labeling.add_maskedface", raise_exception=True)
def mask_on_demand(request: HttpRequest, photo_id: uuid.UUID) -> HttpResponse:
    """Put a mask on the photo's face, of the style asked for or drawn by chance."""
    face = get_object_or_404(Face, photo=photo_id, is_subject=True)
    try:
        face_mask(face=face, style=request.POST.get("style", ""), seed=secrets.randbits(48))
    except Problem as problem:
        messages.warning(request, problem.detail)
    return redirect("admin:collector_photo_change", photo_id)
