"""The participant's cookie: which browser belongs to which participant. Apart from the staff's session on purpose,
so that the database never ties a person's account to their photos."""

import uuid

from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .models import Participant

COOKIE = "__Host-participant"
_SALT = "participant"
_MAX_AGE = 400 * 24 * 3600  # the longest that browsers keep


def remember(response: HttpResponseBase, participant: Participant) -> None:
    value = signing.dumps(str(participant.pk), salt=_SALT)
    response.set_cookie(COOKIE, value, max_age=_MAX_AGE, secure=True, httponly=True, samesite="Lax")


def forget(response: HttpResponseBase) -> None:
    # A __Host- cookie is only replaced by one that is Secure, which delete_cookie sees to by its name.
    response.delete_cookie(COOKIE, samesite="Lax")


def current(request: HttpRequest) -> Participant | None:
    """Whose browser this is; None for a newcomer and for somebody who has withdrawn."""
    try:
        participant_id = uuid.UUID(signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT))
    except (signing.BadSignature, ValueError):
        return None
    return Participant.objects.filter(pk=participant_id).first()
