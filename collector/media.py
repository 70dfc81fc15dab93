"""The bytes of photos, for those who may see them."""

import uuid

from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_GET

from operations.audit import actor_of, audit_record
from operations.private_files import private_response

from . import participants
from .models import Photo


def photo_visible_to(request: HttpRequest, photo_id: uuid.UUID) -> Photo:
    """The photo, if this visitor is its owner or staff who may see photos; Http404 else.

    404 and not 403, so that nobody learns which ids exist. Looks of staff go to the audit log. A hidden photo is
    shown to those alone who decide what becomes of it: not even to its owner, for it may be one that must not be given
    to anybody.
    """
    photo = Photo.objects.filter(pk=photo_id).first()
    if photo is None:
        raise Http404
    hidden = photo.state == Photo.State.HIDDEN
    participant = participants.current(request)
    if not hidden and participant is not None and participant.pk == photo.participant_id:
        return photo
    if request.user.has_perm("collector.handle_hidden" if hidden else "collector.see_pictures"):
        audit_record(actor=actor_of(request), action="photo_viewed", subject=f"photo:{photo.pk}")
        return photo
    raise Http404


@require_GET
def photo_image(request: HttpRequest, photo_id: uuid.UUID) -> FileResponse:
    """A photo; to everybody if it is shown as an example."""
    example = Photo.objects.examples().filter(pk=photo_id).first()
    photo = example or photo_visible_to(request, photo_id)
    return private_response(photo.file, content_type="image/jpeg")
