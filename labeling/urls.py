from django.contrib import admin
from django.urls import path

from .media import face_crop
from .views import ReviewView

urlpatterns = [
    path("faces/<uuid:face_id>/crop/", face_crop, name="face-crop"),
    path("admin/review/", admin.site.admin_view(ReviewView.as_view()), name="review"),
]
