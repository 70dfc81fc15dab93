"""Staff's downloads and buttons around training."""

import base64
import hashlib
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from collector.media import photo_visible_to
from labeling.models import MaskedFace
from operations.audit import actor_of, audit_record
from operations.private_files import PRIVATE_HEADERS, private_response
from operations.problems import Problem

from .datasets import freeze_request
from .datasheets.sheet import KINDS, datasheet
from .judging import REPORT
from .manifest_download import manifest_response
from .models import DatasetVersion, ModelVersion, TrainingRun
from .promotion import model_pin, model_promote, model_roll_back
from .runs import run_retry
from .strips import unmasked_picture


@require_GET
@permission_required("training.view_modelversion", raise_exception=True)
def confusion_picture(request: HttpRequest, pk: int) -> FileResponse:
    model = get_object_or_404(ModelVersion, pk=pk)
    return private_response(f"{model.artifact}/confusion.png", content_type="image/png")


@require_GET
@permission_required("training.view_modelversion", raise_exception=True)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The page that was written when the model was judged, with nothing on it that runs or comes from elsewhere."""
    model = get_object_or_404(ModelVersion, pk=pk)
    page = b"".join(private_response(f"{model.artifact}/{REPORT}", content_type="text/html"))
    audit_record(actor=actor_of(request), action="report_viewed", subject=f"model:{model}")
    return _own_page(page)


def _own_page(page: bytes) -> HttpResponse:
    """One that we wrote, with its own style alone, known by its hash, and pictures that are in the page itself."""
    response = HttpResponse(page)
    for header, value in PRIVATE_HEADERS.items():
        response.headers[header] = value
    style = page.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    allowed = f"; style-src 'sha256-{digest}'; img-src data:"
    response.headers["Content-Security-Policy"] = PRIVATE_HEADERS["Content-Security-Policy"] + allowed
    return response


@require_GET
@permission_required("training.view_modelversion", raise_exception=True)
def unmasked(request: HttpRequest, pk: int, masked_id: uuid.UUID) -> HttpResponse:
    """A masked face as a model imagines it without the mask; invented at this moment, and kept nowhere."""
    model = get_object_or_404(ModelVersion, pk=pk)
    masked = get_object_or_404(MaskedFace.objects.select_related("face"), pk=masked_id)
    photo_visible_to(request, masked.face.photo_id)
    try:
        picture = unmasked_picture(model, masked)
    except Problem as problem:
        raise Http404(problem.detail) from problem
    return HttpResponse(picture, content_type="image/png", headers=PRIVATE_HEADERS)


@require_POST
@permission_required("training.change_modelversion", raise_exception=True)
def serve(request: HttpRequest, pk: int) -> HttpResponse:
    """`act`: promote, pin or unpin this model, or roll back to the one that served before it."""
    model = get_object_or_404(ModelVersion, pk=pk)
    actor = actor_of(request)
    try:
        match request.POST.get("act"):
            case "promote":
                model_promote(model=model, actor=actor)
                told = f"Model {model} serves from now on."
            case "roll-back":
                told = f"Model {model_roll_back(task=model.task, actor=actor)} serves again."
            case "pin" | "unpin" as act:
                model_pin(model=model, pinned=act == "pin", actor=actor)
                told = f"Model {model} is {act}ned."
            case _:
                raise Problem("act_unknown", "Nothing is known under this name: load the page again.")
        messages.info(request, told)
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("admin:training_modelversion_changelist")


@require_POST
@permission_required("training.add_trainingrun", raise_exception=True)
def retry(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Have a failed run done again."""
    run = get_object_or_404(TrainingRun, pk=run_id)
    try:
        run_retry(run=run, actor=actor_of(request))
        messages.info(request, "It is tried again as soon as a worker that trains is free.")
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("admin:training_trainingrun_change", run_id)


@require_GET
@permission_required("training.view_datasetversion", raise_exception=True)
def manifest(request: HttpRequest, number: int, suffix: str) -> FileResponse:
    version = get_object_or_404(DatasetVersion.objects.frozen(), pk=number)
    try:
        return manifest_response(version, suffix, actor=actor_of(request))
    except Problem as problem:
        raise Http404(problem.detail) from problem


@require_GET
@permission_required("training.view_datasetversion", raise_exception=True)
def dataset_sheet(request: HttpRequest, number: int, kind: str) -> HttpResponse:
    """A version's datasheet: a page, or a Markdown file."""
    version = get_object_or_404(DatasetVersion.objects.frozen(), pk=number)
    if kind not in KINDS or not version.facts:
        raise Http404
    response = _own_page(datasheet(version, kind, names=True).encode())
    audit_record(actor=actor_of(request), action="datasheet_viewed", subject=f"dataset:{version}")
    response.headers["Content-Type"] = f"{KINDS[kind]}; charset=utf-8"
    return response


@require_POST
@permission_required("training.add_datasetversion", raise_exception=True)
def freeze(request: HttpRequest) -> HttpResponse:
    try:
        freeze_request(actor=actor_of(request))
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("admin:training_datasetversion_changelist")
