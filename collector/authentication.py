"""The volunteers' API: by cookie, with CSRF protection like any session."""

from typing import TYPE_CHECKING, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from operations.authentication import csrf_enforce

from . import participants
from .models import Participant
from .services import consent_required

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from rest_framework.views import APIView


class ParticipantAuthentication(BaseAuthentication):
    """`request.auth` becomes the Participant, if this browser belongs to one."""

    def authenticate(self, request: Request) -> tuple[None, Participant] | None:
        csrf_enforce(request._request)
        participant = participants.current(request._request)
        return (None, participant) if participant is not None else None


class ParticipantScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's documentation describes it; found by drf-spectacular once it is defined."""

    target_class = ParticipantAuthentication
    name = "participant"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": participants.COOKIE}


class HasParticipant(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return participant_of(request) is not None


def newcomer_or_participant(request: Request) -> Participant | None:
    """Whose request this is, where newcomers are welcome too."""
    return cast(Participant | None, request.auth)


def participant_of(request: Request) -> Participant:
    """Whose request this is. Raises Problem for somebody who has not agreed yet."""
    participant = newcomer_or_participant(request)
    if participant is None:
        raise consent_required()
    return participant
