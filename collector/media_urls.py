from django.urls import path

from .media import photo_image

urlpatterns = [path("photos/<uuid:photo_id>/image/", photo_image, name="photo-image")]
