from django.urls import path

from .api import PhotoView

urlpatterns = [path("photos/<uuid:photo_id>/", PhotoView.as_view(), name="api-photo")]
