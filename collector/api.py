"""The volunteers' API under /api/v1/: parse, call the service, show."""

import uuid
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from operations.problems import Problem
from operations.throttling import (
    AddressUploadThrottle,
    ParticipantThrottle,
    ReceiptThrottle,
    UploadThrottle,
    VisitorThrottle,
)

from . import participants, serializers
from .authentication import HasParticipant, newcomer_or_participant, participant_of
from .models import Photo, Smiley, Tombstone
from .receipts import receipt_issue, receipt_redeem
from .selectors import (
    consent_text_current,
    examples_of,
    photos_of,
    smiley_next,
    smileys_done,
    tombstones_state,
)
from .services import consent_give, participant_withdraw, photo_submit

_FORM_OVERHEAD = 64 * 1024


class ConsentTextView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(responses=serializers.ConsentTextSerializer)
    def get(self, request: Request) -> Response:
        """The text to agree to. The header X-CSRFToken carries the token that changing requests must send back."""
        text = consent_text_current(get_language() or "en")
        token = get_token(request._request)
        return Response(serializers.ConsentTextSerializer(text).data, headers={"X-CSRFToken": token})


class ConsentsView(APIView):
    permission_classes = [AllowAny]

    def get_throttles(self) -> list[BaseThrottle]:
        return [VisitorThrottle()] if self.request.auth is not None else [ParticipantThrottle()]

    @extend_schema(request=serializers.ConsentGiveSerializer, responses={201: serializers.ConsentSerializer})
    def post(self, request: Request) -> Response:
        """Agree. A newcomer becomes a participant and gets the cookie; no scopes at all means: revoked."""
        given = serializers.ConsentGiveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        consent = consent_give(
            participant=newcomer_or_participant(request),
            text=given.validated_data["consent_text"],
            scopes=given.validated_data["scopes"],
            age_affirmed=given.validated_data["age_affirmed"],
        )
        response = Response(serializers.ConsentSerializer(consent).data, status=201)
        participants.remember(response, consent.participant)
        return response


class PromptView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[OpenApiParameter("skipped", str, description="Slugs, separated by commas.")],
        responses={200: {"type": "object"}},
    )
    def get(self, request: Request) -> Response:
        """What to imitate next; null once all are done or skipped."""
        skipped = [
            slug for slug in request.query_params.get("skipped", "")[:2000].split(",") if "\0" not in slug
        ]
        participant = newcomer_or_participant(request)
        smiley = smiley_next(participant, skipped)
        return Response(
            {
                "smiley": serializers.SmileySerializer(smiley).data if smiley else None,
                "done": smileys_done(participant),
                "total": Smiley.objects.offered().count(),
            }
        )


class SmileysView(ListAPIView[Smiley]):
    permission_classes = [AllowAny]
    serializer_class = serializers.SmileySerializer
    queryset = Smiley.objects.offered()
    pagination_class = None


class ExamplesView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(responses=serializers.ExampleSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """How others did it: accepted photos of people who allow it."""
        smiley = get_object_or_404(Smiley, slug=slug)
        photos = examples_of(smiley, newcomer_or_participant(request))[:6]
        return Response([serializers.ExampleSerializer(photo).data for photo in photos])


class NewestFirst(CursorPagination):
    page_size = 60
    ordering = ("-created_at", "pk")


class PhotosView(ListAPIView[Photo]):
    permission_classes = [HasParticipant]
    parser_classes = [MultiPartParser]
    serializer_class = serializers.PhotoSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Photo]:
        return photos_of(participant_of(self.request))

    def get_throttles(self) -> list[BaseThrottle]:
        if self.request.method == "GET":
            return [VisitorThrottle()]
        return [UploadThrottle(), AddressUploadThrottle()]

    @extend_schema(
        request={"multipart/form-data": serializers.PhotoUploadSerializer},
        responses={201: serializers.PhotoSerializer, 200: serializers.PhotoSerializer},
    )
    def post(self, request: Request) -> Response:
        """Send a photo. 201 when it is new, 200 when this client_id was sent before."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.PHOTO_MAX_BYTES + _FORM_OVERHEAD:
            megabytes = settings.PHOTO_MAX_BYTES // 2**20
            too_large = _("The file is larger than %(megabytes)d MB: send a smaller one.")
            raise Problem("image_too_large", too_large % {"megabytes": megabytes}, status=413)
        photo, new = photo_submit(
            participant=participant_of(request),
            smiley=_uploaded_smiley(request),
            client_id=_uploaded_client_id(request),
            data=_uploaded_image(request),
            live_score=_uploaded_live_score(request),
        )
        return Response(serializers.PhotoSerializer(photo).data, status=201 if new else 200)


def _uploaded_smiley(request: Request) -> Smiley:
    # Compared here, for a database may refuse what somebody sends: PostgreSQL takes no NUL.
    wanted = request.POST.get("smiley", "")
    smiley = next((one for one in Smiley.objects.offered() if one.slug == wanted), None)
    if smiley is None:
        raise Problem("smiley_unknown", _("Name one of the smileys of /api/v1/smileys/ in the field smiley."))
    return smiley


def _uploaded_client_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(str(request.POST.get("client_id", "")))
    except ValueError:
        raise Problem("client_id_missing", _("Send a UUID of your own in the field client_id.")) from None


def _uploaded_image(request: Request) -> bytes:
    image = request.FILES.get("image")
    if image is None:
        raise Problem("image_missing", _("Send the picture as a file in the field image."))
    return bytes(image.read())


def _uploaded_live_score(request: Request) -> float | None:
    """A fact on the side: what is no share is left out, and no photo is refused for it."""
    try:
        score = float(request.POST.get("live_score", ""))
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None


class ReceiptsView(APIView):
    permission_classes = [HasParticipant]

    @extend_schema(request=None, responses={201: serializers.ReceiptSerializer})
    def post(self, request: Request) -> Response:
        """A new receipt code. It is in this answer and nowhere else; one issued before stops working."""
        code = receipt_issue(participant=participant_of(request))
        return Response({"code": code}, status=201, headers={"Cache-Control": "no-store"})


class RedeemView(APIView):
    permission_classes = [AllowAny]
    throttle_classes = [ReceiptThrottle]

    @extend_schema(request=serializers.ReceiptSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Come back: this browser gets the cookie of the participant whose code it is."""
        given = serializers.ReceiptSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        response = Response(status=204)
        participants.remember(response, receipt_redeem(code=given.validated_data["code"]))
        return response


class WithdrawalView(APIView):
    permission_classes = [HasParticipant]

    @extend_schema(
        request=None, responses={200: {"type": "object", "properties": {"photos": {"type": "integer"}}}}
    )
    def post(self, request: Request) -> Response:
        """Take everything back: all photos, all consents, the participant."""
        response = Response(
            {"photos": participant_withdraw(participant=participant_of(request), actor="participant")}
        )
        participants.forget(response)
        return response


class OldestFirst(CursorPagination):
    page_size = 1000
    ordering = ("withdrawn_at", "pk")


class TombstonesView(ListAPIView[Tombstone]):
    """The public list of what was withdrawn: whoever holds a copy deletes these. Of the scope `releases` are photos
    that are not shared any more: they go from released copies, and internal ones keep them."""

    permission_classes = [AllowAny]
    serializer_class = serializers.TombstoneSerializer
    queryset = Tombstone.objects.all()
    pagination_class = OldestFirst

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its ETag is that of the whole list, for whoever only wants to know whether there is anything new."""
        etag = quote_etag(tombstones_state())
        if get_conditional_response(request._request, etag=etag) is not None:
            return Response(status=304, headers={"ETag": etag})
        answer = super().list(request, *args, **kwargs)
        answer.headers["ETag"], answer.headers["Cache-Control"] = etag, "no-cache"
        return answer
