"""The page on which anybody tries the models, and the same by API."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from operations.problems import Problem
from operations.throttling import AddressThrottle

from .models import ModelVersion, Task
from .tryout import picture_try

_FORM_OVERHEAD = 64 * 1024
_MOST_SEEDS = 2**31


class TryThrottle(AddressThrottle):
    """Looking costs a second of a processor, and nobody has to say who they are."""

    scope = "try"


_FORM = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP."},
        "style": {"type": "string", "description": "The mask; without it one that the seed draws."},
        "seed": {"type": "integer", "description": "The same seed draws the same mask."},
    },
}


class TryView(APIView):
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]
    throttle_classes = [TryThrottle]

    @extend_schema(request={"multipart/form-data": _FORM}, responses={200: {"type": "object"}})
    def post(self, request: Request) -> Response:
        """What the active models make of a picture: points, the whole distribution over smileys, a mask put on, and
        that mask taken off, which is invented. Pictures come as data addresses; nothing is kept."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.PHOTO_MAX_BYTES + _FORM_OVERHEAD:
            megabytes = settings.PHOTO_MAX_BYTES // 2**20
            too_large = _("The file is larger than %(megabytes)d MB: send a smaller one.")
            raise Problem("image_too_large", too_large % {"megabytes": megabytes}, status=413)
        image = request.FILES.get("image")
        if image is None:
            raise Problem("image_missing", _("Send the picture as a file in the field image."))
        seed = request.POST.get("seed", "0")
        result = picture_try(
            data=bytes(image.read()),
            style=request.POST.get("style", ""),
            seed=int(seed) % _MOST_SEEDS if seed.isascii() and seed.isdigit() and len(seed) < 20 else 0,
        )
        return Response(result, headers={"Cache-Control": "no-store"})


@require_safe
@never_cache
def try_page(request: HttpRequest) -> HttpResponse:
    active = set(ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).values_list("task", flat=True))
    return render(
        request,
        "training/try.html",
        {"smileys_known": Task.SMILEY in active, "unmasks": Task.UNMASK in active},
    )
