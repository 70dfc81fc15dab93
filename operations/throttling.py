"""Throttles. Their counters live in the shared cache; an address is counted by a keyed hash and never stored."""

import logging
from typing import TYPE_CHECKING, Any

from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from .middleware import client_address

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class _OpenOnFailure(SimpleRateThrottle):
    """Without the cache everybody passes: the quota in the database still holds, and photos are not lost."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        try:
            return bool(super().allow_request(request, view))
        except (RedisError, OSError) as error:
            logger.warning("No throttling: the cache does not answer", extra={"error": repr(error)})
            return True


class AddressThrottle(_OpenOnFailure):
    """Per address, whoever it is."""

    scope = "address"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        return f"throttle-{self.scope}-{salted_hmac('throttle', client_address(request)).hexdigest()[:24]}"


class VisitorThrottle(AddressThrottle):
    """Per participant where there is one, so that a school behind one address is many people; else per address."""

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        if request.auth is not None:
            return f"throttle-{self.scope}-{request.auth.pk}"
        return super().get_cache_key(request, view)


class UploadThrottle(_OpenOnFailure):
    """Per participant."""

    scope = "upload"

    def get_cache_key(self, request: Request, view: "APIView") -> Any:
        return f"throttle-{self.scope}-{request.auth.pk}" if request.auth is not None else None


class AddressUploadThrottle(AddressThrottle):
    """For whoever begins as a new participant for each photo."""

    scope = "address_upload"


class StaffThrottle(_OpenOnFailure):
    """Per member of staff, for many may sit behind one address."""

    scope = "staff"

    def get_cache_key(self, request: Request, view: "APIView") -> Any:
        return f"throttle-{self.scope}-{request.user.pk}" if request.user is not None else None


class ParticipantThrottle(AddressThrottle):
    """How many new participants one address may begin; a school behind one address is many people."""

    scope = "participant"


class ReceiptThrottle(AddressThrottle):
    """How many receipt codes one address may try: people mistype, programs guess."""

    scope = "receipt"


class WrongTokenThrottle(AddressThrottle):
    """How many wrong tokens one address may try; the right ones of others there work all the same."""

    scope = "wrong_token"
