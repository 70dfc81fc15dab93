from django.urls import path

from .api import PhotoView
from .export_api import ExportView

urlpatterns = [
    path("photos/<uuid:photo_id>/", PhotoView.as_view(), name="api-photo"),
    path("me/export/", ExportView.as_view(), name="api-export"),
]
