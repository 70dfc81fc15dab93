from django.urls import path

from . import api
from .keypoint_views import KeypointsView

urlpatterns = [
    path("faces/<uuid:face_id>/keypoints/", KeypointsView.as_view(), name="api-keypoints"),
    path("reviews/", api.ReviewsView.as_view(), name="api-reviews"),
    path("reviews/claims/", api.ClaimsView.as_view(), name="api-review-claims"),
    path("reviews/release/", api.ReleaseView.as_view(), name="api-review-release"),
    path("reviews/reveal/", api.RevealView.as_view(), name="api-review-reveal"),
    path("reviews/undo/", api.UndoView.as_view(), name="api-review-undo"),
]
