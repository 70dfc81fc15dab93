"""Everything about oneself, to take home. It reads all rooms, so it lives in the highest."""

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from collector.authentication import HasParticipant, participant_of
from operations.private_files import PRIVATE_HEADERS
from operations.throttling import UploadThrottle

from .export import participant_export


class ZipRenderer(JSONRenderer):
    """For who accepts only ZIP; what it renders are problems, and the ZIP itself is streamed."""

    media_type = "application/zip"
    format = "zip"


class ExportThrottle(UploadThrottle):
    scope = "export"


class ExportView(APIView):
    permission_classes = [HasParticipant]
    renderer_classes = [JSONRenderer, ZipRenderer]
    throttle_classes = [ExportThrottle]

    @extend_schema(responses={(200, "application/zip"): bytes})
    def get(self, request: Request, **kwargs: Any) -> StreamingHttpResponse:
        """All photos, crops and masked faces, and everything known about them and about the consents as JSON."""
        zipped = participant_export(participant=participant_of(request))
        name = f"smielfy-{timezone.now():%Y-%m-%d}.zip"
        headers = {**PRIVATE_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(zipped, content_type="application/zip", headers=headers)
