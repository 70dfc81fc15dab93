from django.urls import path

from .api import PhotoView
from .export_api import ExportView
from .exports import api as exports
from .try_views import TryView

urlpatterns = [
    path("try/", TryView.as_view(), name="api-try"),
    path("photos/<uuid:photo_id>/", PhotoView.as_view(), name="api-photo"),
    path("me/export/", ExportView.as_view(), name="api-export"),
    path("datasets/", exports.DatasetsView.as_view(), name="api-datasets"),
    path("datasets/<int:number>/", exports.DatasetView.as_view(), name="api-dataset"),
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
