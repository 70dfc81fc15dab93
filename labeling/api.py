"""Reviewing under /api/v1/reviews/: the review pages use it, and so may other tools."""

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from collector import participants
from collector.models import Participant, Photo, Smiley
from operations.problems import Problem
from operations.staff_api import StaffView

from . import serializers
from .cards import in_words, photo_cards, reviews_given
from .claims import LEASE, claims_release, claims_take
from .filters import filter_of
from .models import Review
from .services import review_record, review_reveal, review_undo


class ReviewerView(StaffView):
    permission = "labeling.add_review"


class ClaimsView(ReviewerView):
    @extend_schema(request=serializers.ClaimsAskedSerializer, responses=serializers.ClaimsSerializer)
    def post(self, request: Request) -> Response:
        """Be handed the photos that are worth most to be judged: nobody else is, for as long as the lease lasts."""
        asked = _parsed(serializers.ClaimsAskedSerializer, request)
        photos = claims_take(
            reviewer=_reviewer(request),
            own=_own(request),
            mode=asked["mode"],
            wanted=filter_of(asked["filters"]),
            count=asked["count"],
            holding=asked["holding"],
        )
        return Response({"photos": photo_cards(photos), "lease_seconds": int(LEASE.total_seconds())})


class ReleaseView(ReviewerView):
    @extend_schema(request=serializers.ReleaseSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Let go of photos, so that others get them."""
        photos = _parsed(serializers.ReleaseSerializer, request)["photos"]
        claims_release(reviewer=_reviewer(request), photos=photos)
        return Response(status=204)


class ReviewsView(ReviewerView):
    @extend_schema(responses=serializers.results_of(serializers.GivenSerializer))
    def get(self, request: Request) -> Response:
        """One's own last ten verdicts that can still be undone, newest first."""
        given = reviews_given(_reviewer(request))
        return Response({"results": serializers.GivenSerializer(given, many=True).data})

    @extend_schema(
        request=serializers.VerdictsSerializer,
        responses=serializers.results_of(serializers.VerdictResultSerializer),
    )
    def post(self, request: Request) -> Response:
        """Give verdicts, each recorded as a whole or not at all; which of them were not, and why, is in the answer.

        A body that cannot be understood is refused as a whole. To send the same verdicts again changes nothing.
        """
        asked = _parsed(serializers.VerdictsSerializer, request)
        offered = {smiley.slug: smiley for smiley in Smiley.objects.offered()}
        verdicts = [{**verdict, "smiley": _smiley(verdict, offered)} for verdict in asked["verdicts"]]
        results = [self._record(request, asked["mode"], **verdict) for verdict in verdicts]
        return Response({"results": results})

    def _record(
        self,
        request: Request,
        mode: str,
        *,
        photo: UUID,
        verdict: str,
        smiley: Smiley | None,
        reason: str,
        seconds: float | None,
    ) -> dict[str, Any]:
        reviewer = _reviewer(request)
        said: dict[str, Any] = {"verdict": verdict, "smiley": smiley, "reason": reason}
        problem, review = None, None
        try:
            review = review_record(
                photo=Photo(pk=photo), reviewer=reviewer, own=_own(request), mode=mode, seconds=seconds, **said
            )  # fmt: skip
        except Problem as raised:
            problem = _problem(raised)
            if raised.code == "reviewed_before":
                review = Review.objects.standing().filter(photo=photo, reviewer=reviewer, **said).last()
        return {
            "photo": photo,
            "review": review.pk if review else None,
            "problem": None if review else problem,
        }


class UndoView(ReviewerView):
    @extend_schema(
        request=serializers.UndoSerializer, responses=serializers.results_of(serializers.UndoResultSerializer)
    )
    def post(self, request: Request) -> Response:
        """Take one's own verdicts of the last hour back; their photos are handed to the same reviewer again."""
        return Response(
            {
                "results": [
                    self._undo(request, pk) for pk in _parsed(serializers.UndoSerializer, request)["reviews"]
                ]
            }
        )

    def _undo(self, request: Request, pk: int) -> dict[str, Any]:
        try:
            photo = review_undo(review_id=pk, reviewer=_reviewer(request))
        except Problem as problem:
            return {"review": pk, "photo": None, "problem": _problem(problem)}
        return {"review": pk, "photo": photo_cards([photo])[0], "problem": None}


class RevealView(ReviewerView):
    @extend_schema(request=serializers.RevealSerializer, responses=serializers.RevealedSerializer)
    def post(self, request: Request) -> Response:
        """What others said of a photo that one has judged. The own verdict is not undone any more after that."""
        pk = _parsed(serializers.RevealSerializer, request)["review"]
        others = review_reveal(review_id=pk, reviewer=_reviewer(request))
        return Response({"others": [in_words(review) for review in others]})


def _reviewer(request: Request) -> User:
    return cast(User, request.user)


def _own(request: Request) -> Participant | None:
    return participants.current(request._request)


def _parsed(shape: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    given = shape(data=request.data)
    given.is_valid(raise_exception=True)
    return cast(dict[str, Any], given.validated_data)


def _smiley(verdict: dict[str, Any], offered: dict[str, Smiley]) -> Smiley | None:
    slug = verdict["smiley"]
    if slug and slug not in offered:
        raise Problem("smiley_unknown", "Name one of the smileys of /api/v1/smileys/ by its slug.")
    return offered[slug] if slug else None


def _problem(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "detail": problem.detail, "status": problem.status}
