"""What all of staff's API has in common."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from .authentication import StaffSession, StaffToken
from .throttling import StaffThrottle


class HasPermission(BasePermission):
    """Staff who have what the view names in `permission`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm(view.permission))  # type: ignore[attr-defined]


class StaffView(APIView):
    permission: str
    authentication_classes = [StaffToken, StaffSession]
    permission_classes = [HasPermission]
    throttle_classes = [StaffThrottle]
