"""The volunteers' pages. They are compressed, for phones on slow networks; photos are not, they are so already."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.gzip import gzip_page
from django.views.i18n import set_language

from . import moderation_views, my_page, views

urlpatterns = [
    path("", gzip_page(views.landing), name="landing"),
    path("consent/", gzip_page(views.consent), name="consent"),
    path("booth/", gzip_page(views.booth), name="booth"),
    path("photos/<uuid:photo_id>/delete/", my_page.photo_delete, name="photo-delete"),
    path("consent/change/", my_page.consent_scope, name="consent-scope"),
    path("receipt/", gzip_page(my_page.receipt), name="receipt"),
    path("receipt/new/", gzip_page(my_page.receipt_new), name="receipt-new"),
    path("withdraw/", my_page.withdraw, name="withdraw"),
    path("privacy/", gzip_page(views.privacy), name="privacy"),
    path("language/", set_language, name="language"),
    path("smileys/<slug:slug>.svg", gzip_page(views.smiley_svg), name="smiley-svg"),
    path(
        "admin/participants/<uuid:participant_id>/",
        admin.site.admin_view(moderation_views.participant_rule),
        name="participant-rule",
    ),
    path("site.webmanifest", views.manifest, name="manifest"),
]
