"""Staff's downloads and buttons around training."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from operations.audit import actor_of, audit_record
from operations.private_files import private_response
from operations.problems import Problem

from .datasets import freeze_request
from .models import DatasetVersion, ModelVersion


@require_GET
@permission_required("training.view_modelversion", raise_exception=True)
def confusion_picture(request: HttpRequest, pk: int) -> FileResponse:
    model = get_object_or_404(ModelVersion, pk=pk)
    return private_response(f"{model.artifact}/confusion.png", content_type="image/png")


@require_GET
@permission_required("training.view_datasetversion", raise_exception=True)
def manifest(request: HttpRequest, number: int) -> FileResponse:
    version = get_object_or_404(DatasetVersion.objects.frozen(), pk=number)
    audit_record(actor=actor_of(request), action="manifest_downloaded", subject=f"dataset:{version}")
    name = f"smielfy-dataset-{version}.jsonl"
    return private_response(version.manifest, content_type="application/jsonl", download_as=name)


@require_POST
@permission_required("training.add_datasetversion", raise_exception=True)
def freeze(request: HttpRequest) -> HttpResponse:
    try:
        freeze_request(actor=actor_of(request))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("admin:training_datasetversion_changelist")
