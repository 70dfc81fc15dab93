from django.contrib import admin
from django.urls import path
from django.views.decorators.gzip import gzip_page

from .duplicate_views import DuplicatesView
from .keypoint_views import keypoint_page
from .media import face_crop, masked_face, photo_overlay
from .my_photos import my_photos
from .quality_views import quality_csv, quality_page
from .review_management import RulesView, hidden_photo, hidden_photos
from .review_pages import review_grid, review_single, review_start
from .video_admin import video_decide, video_piece, video_track
from .views import mask_on_demand

urlpatterns = [
    path("photos/", gzip_page(my_photos), name="my-photos"),
    path("faces/<uuid:face_id>/crop/", face_crop, name="face-crop"),
    path("masks/<uuid:masked_id>/<str:part>/", masked_face, name="masked-face"),
    path(
        "admin/photos/<uuid:photo_id>/overlay.svg", admin.site.admin_view(photo_overlay), name="photo-overlay"
    ),
    path("admin/photos/<uuid:photo_id>/mask/", admin.site.admin_view(mask_on_demand), name="photo-mask"),
    path("admin/videos/<uuid:video_id>/pieces/", admin.site.admin_view(video_piece), name="video-piece"),
    path("admin/videos/<uuid:video_id>/decide/", admin.site.admin_view(video_decide), name="video-decide"),
    path(
        "admin/videos/<uuid:video_id>/<int:number>.jpg",
        admin.site.admin_view(video_track),
        name="video-track",
    ),
    path("admin/keypoints/", admin.site.admin_view(keypoint_page), name="keypoints"),
    path("admin/keypoints/<uuid:face_id>/", admin.site.admin_view(keypoint_page), name="keypoints-of"),
    path("admin/duplicates/", admin.site.admin_view(DuplicatesView.as_view()), name="duplicates"),
    path("admin/quality/", admin.site.admin_view(quality_page), name="quality"),
    path("api/v1/reviews/quality/<slug:table>.csv", quality_csv, name="api-quality"),
    path("admin/review/", admin.site.admin_view(review_start), name="review"),
    path("admin/review/grid/", admin.site.admin_view(review_grid), name="review-grid"),
    path("admin/review/single/", admin.site.admin_view(review_single), name="review-single"),
    path("admin/review/rules/", admin.site.admin_view(RulesView.as_view()), name="review-rules"),
    path("admin/review/hidden/", admin.site.admin_view(hidden_photos), name="review-hidden"),
    path("admin/review/hidden/<uuid:photo_id>/", admin.site.admin_view(hidden_photo), name="hidden-photo"),
]
