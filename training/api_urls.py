from django.urls import path

from . import runs_api
from .api import PhotoView
from .export_api import ExportView
from .exports import api as exports
from .try_views import TryView

urlpatterns = [
    path("try/", TryView.as_view(), name="api-try"),
    path("photos/<uuid:photo_id>/", PhotoView.as_view(), name="api-photo"),
    path("me/export/", ExportView.as_view(), name="api-export"),
    path("runs/", runs_api.RunsView.as_view(), name="api-runs"),
    path("runs/<uuid:run_id>/", runs_api.RunView.as_view(), name="api-run"),
    path("models/", runs_api.ModelsView.as_view(), name="api-models"),
    path("models/<int:pk>/", runs_api.ModelView.as_view(), name="api-model"),
    path("models/<int:pk>/promote/", runs_api.PromoteView.as_view(), name="api-model-promote"),
    path("models/roll-back/", runs_api.RollBackView.as_view(), name="api-models-roll-back"),
    path("predictions/", runs_api.PredictionsView.as_view(), name="api-predictions"),
    path("datasets/", exports.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/freezes/<uuid:job_id>/", exports.FreezeView.as_view(), name="api-freeze"),
    path("datasets/<int:number>/", exports.DatasetView.as_view(), name="api-dataset"),
    path(
        "datasets/<int:number>/datasheet.<str:kind>",
        exports.DatasheetView.as_view(),
        name="api-dataset-datasheet",
    ),
    path(
        "datasets/<int:number>/manifest.<str:suffix>",
        exports.ManifestView.as_view(),
        name="api-dataset-manifest",
    ),
    path(
        "datasets/<int:number>/since/<int:older>/",
        exports.DatasetDifferenceView.as_view(),
        name="api-dataset-difference",
    ),
    path("datasets/<int:number>/exports/", exports.DatasetExportsView.as_view(), name="api-dataset-exports"),
    path("exports/<uuid:export_id>/", exports.ExportView.as_view(), name="api-dataset-export"),
    path("exports/<uuid:export_id>/links/", exports.ExportLinkView.as_view(), name="api-export-links"),
    path("exports/files/<str:link>/", exports.ExportFileView.as_view(), name="api-export-file"),
]
