from django.urls import path

from . import views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("consent/", views.consent, name="consent"),
    path("booth/", views.booth, name="booth"),
    path("photos/", views.my_photos, name="my-photos"),
    path("photos/<uuid:photo_id>/delete/", views.photo_delete, name="photo-delete"),
    path("withdraw/", views.withdraw, name="withdraw"),
    path("privacy/", views.privacy, name="privacy"),
    path("smileys/<slug:slug>.svg", views.smiley_svg, name="smiley-svg"),
]
