from django.urls import path

from . import api

urlpatterns = [
    path("consent-text/", api.ConsentTextView.as_view(), name="api-consent-text"),
    path("consents/", api.ConsentsView.as_view(), name="api-consents"),
    path("prompts/next/", api.PromptView.as_view(), name="api-prompt"),
    path("smileys/", api.SmileysView.as_view(), name="api-smileys"),
    path("smileys/<slug:slug>/examples/", api.ExamplesView.as_view(), name="api-examples"),
    path("photos/", api.PhotosView.as_view(), name="api-photos"),
    path("receipts/", api.ReceiptsView.as_view(), name="api-receipts"),
    path("receipts/redeem/", api.RedeemView.as_view(), name="api-redeem"),
    path("withdrawal/", api.WithdrawalView.as_view(), name="api-withdrawal"),
    path("tombstones/", api.TombstonesView.as_view(), name="api-tombstones"),
]
