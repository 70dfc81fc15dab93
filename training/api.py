"""One photo with everything that is known about it: read in all rooms, so it lives in the highest."""

import uuid
from typing import Any

from django.db.models import Case, When
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from collector.authentication import HasParticipant, participant_of
from collector.models import Photo
from collector.selectors import photos_of
from collector.serializers import PhotoSerializer
from collector.services import photo_withdraw
from labeling.flags import hints
from labeling.models import Face
from operations.models import Job
from operations.problems import Problem

from .models import ModelVersion, Prediction


class PhotoView(APIView):
    permission_classes = [HasParticipant]

    @extend_schema(responses={200: PhotoSerializer})
    def get(self, request: Request, photo_id: uuid.UUID) -> Response:
        """State, faces, and what the active model makes of it."""
        photo = _own_photo(request, photo_id)
        expected = _prediction_waits(photo)  # before looking for it: it may come between the two
        prediction = _prediction(photo)
        facts = {
            "processed": photo.processed_at is not None,
            "faces": [_face(face) for face in photo.faces.order_by("-is_subject")],
            "hints": hints(photo.analysis.flags) if hasattr(photo, "analysis") else [],
            "prediction": prediction,
            "prediction_expected": expected and prediction is None,
        }
        return Response({**PhotoSerializer(photo).data, **facts})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, photo_id: uuid.UUID) -> Response:
        """Take the photo back, for good."""
        photo_withdraw(photo=_own_photo(request, photo_id), actor="participant")
        return Response(status=204)


def _own_photo(request: Request, photo_id: uuid.UUID) -> Photo:
    photo = photos_of(participant_of(request)).filter(pk=photo_id).first()
    if photo is None:
        raise Problem("not_found", _("There is no such photo of yours."), status=404)
    return photo


def _face(face: Face) -> dict[str, Any]:
    crop = reverse("face-crop", args=[face.pk]) if face.crop else None
    return {"box": face.box, "score": face.score, "flags": face.flags, "crop": crop}


def _prediction(photo: Photo) -> dict[str, Any] | None:
    """The active model's, else the newest: a model that was rolled back to has said it before others."""
    serves = Case(When(model__state=ModelVersion.State.ACTIVE, then=0), default=1)
    made = (
        Prediction.objects.filter(face__photo=photo)
        .select_related("smiley", "model")
        .order_by(serves, "-created_at")
        .first()
    )
    if made is None:
        return None
    return {
        "model": made.model.number,
        "smiley": made.smiley.slug,
        "glyph": made.smiley.glyph,
        "share": made.share,
        "distribution": made.distribution,
    }


def _prediction_waits(photo: Photo) -> bool:
    """Whether the active model still has to look: then it is worth asking again."""
    faces = [str(face) for face in photo.faces.values_list("pk", flat=True)]
    looking = Job.objects.filter(kind="training.predict", subject__in=faces)
    return looking.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).exists()
