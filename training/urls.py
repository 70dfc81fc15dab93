from django.contrib import admin
from django.urls import path
from django.views.decorators.gzip import gzip_page

from . import live, try_views, views
from .exports import admin as exports

urlpatterns = [
    path("try/", gzip_page(try_views.try_page), name="try"),
    path(
        "admin/training/models/<int:pk>/confusion.png",
        admin.site.admin_view(views.confusion_picture),
        name="model-confusion",
    ),
    path(
        "admin/training/models/<int:pk>/report.html",
        admin.site.admin_view(views.report),
        name="model-report",
    ),
    path(
        "admin/training/models/<int:pk>/unmasked/<uuid:masked_id>.png",
        admin.site.admin_view(views.unmasked),
        name="model-unmasked",
    ),
    path("admin/training/models/<int:pk>/serve/", admin.site.admin_view(views.serve), name="model-serve"),
    path("admin/training/runs/<uuid:run_id>/retry/", admin.site.admin_view(views.retry), name="run-retry"),
    path("admin/training/freeze/", admin.site.admin_view(views.freeze), name="dataset-freeze"),
    path(
        "admin/training/datasets/<int:number>/manifest.<str:suffix>",
        admin.site.admin_view(views.manifest),
        name="dataset-manifest",
    ),
    path(
        "admin/training/datasets/<int:number>/datasheet.<str:kind>",
        admin.site.admin_view(views.dataset_sheet),
        name="dataset-datasheet",
    ),
    path(
        "admin/training/exports/<uuid:export_id>/download/",
        admin.site.admin_view(exports.download),
        name="export-download",
    ),
    path("models/<slug:task>/active.json", live.active, name="live-model"),
    path("models/<slug:task>/<int:number>/model.tflite", live.model_file, name="live-model-file"),
]
