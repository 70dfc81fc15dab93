"""Data sets and their exports under /api/v1/, for staff."""

import uuid
from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from operations.audit import actor_of, audit_record
from operations.authentication import token_prefix
from operations.models import Job
from operations.private_files import PRIVATE_HEADERS
from operations.problems import Problem
from operations.ranges import range_of, ranged_response
from operations.staff_api import StaffView

from ..datasets import dataset_numbered, freeze_request
from ..datasheets.sheet import KINDS, datasheet
from ..differences import versions_difference
from ..manifest_download import MEDIA_TYPES, manifest_response
from ..models import DatasetVersion
from .models import Export
from .services import TERMS, export_by_link, export_link, export_request, job_of, state_of


class DatasetSerializer(serializers.ModelSerializer[DatasetVersion]):
    name = serializers.CharField(source="__str__", help_text="With its revision: 7.r1.")

    class Meta:
        model = DatasetVersion
        fields = ("number", "revision", "name", "sha256", "photos", "people", "counts", "created_at")


class ExportSerializer(serializers.ModelSerializer[Export]):
    state = serializers.SerializerMethodField(help_text="waiting, running, ready, failed or expired.")
    progress = serializers.SerializerMethodField(help_text="Photos written, and of how many.")
    error = serializers.SerializerMethodField()
    name = serializers.CharField(source="download_name")

    class Meta:
        model = Export
        fields = (
            "id", "version", "revision", "format", "release", "licence", "citation", "name", "state", "progress",
            "error", "photos", "size", "sha256", "created_at", "ready_at", "expires_at",
        )  # fmt: skip

    def get_state(self, export: Export) -> str:
        return state_of(export, job_of(export))

    def get_progress(self, export: Export) -> list[int]:
        job = job_of(export)
        return [job.progress_done, job.progress_total] if job else [0, 0]

    def get_error(self, export: Export) -> str:
        job = job_of(export)
        lines = job.error.strip().splitlines() if job and state_of(export, job) == "failed" else []
        return lines[-1] if lines else ""


class ExportAskedSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=Export.Format.choices)
    release = serializers.BooleanField(default=False)
    licence = serializers.CharField(max_length=200, allow_blank=True, default="")
    citation = serializers.CharField(max_length=4000, allow_blank=True, default="")


class LinkAskedSerializer(serializers.Serializer[Any]):
    contact = serializers.CharField(max_length=200, allow_blank=True, default="", help_text="For a release.")
    accept_terms = serializers.BooleanField(default=False, help_text=f"For a release: {TERMS}")


class FreezeSerializer(serializers.ModelSerializer[Job]):
    progress = serializers.SerializerMethodField(help_text="Photos gathered, and of how many.")

    class Meta:
        model = Job
        fields = ("id", "state", "progress", "message", "error", "created_at", "finished_at")

    def get_progress(self, job: Job) -> list[int]:
        return [job.progress_done, job.progress_total]


class DatasetsView(StaffView):
    @property
    def permission(self) -> str:  # type: ignore[override]
        changes = self.request.method == "POST"
        return "training.add_datasetversion" if changes else "training.view_datasetversion"

    @extend_schema(responses=DatasetSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All versions, the newest first."""
        versions = DatasetVersion.objects.frozen().order_by("-number")
        return Response(DatasetSerializer(versions, many=True).data)

    @extend_schema(request=None, responses={202: FreezeSerializer})
    def post(self, request: Request) -> Response:
        """Freeze what is accepted into the next version; look at the freeze until its state is `done`. Where nothing
        has changed there is no new version, and `message` says so."""
        job = freeze_request(actor=actor_of(request._request))
        return Response(FreezeSerializer(job).data, status=202)


class FreezeView(StaffView):
    permission = "training.view_datasetversion"

    @extend_schema(responses=FreezeSerializer)
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """How far a freeze is."""
        job = get_object_or_404(Job, pk=job_id, kind="training.freeze_dataset")
        return Response(FreezeSerializer(job).data)


class DatasetView(StaffView):
    permission = "training.view_datasetversion"

    @extend_schema(responses=DatasetSerializer)
    def get(self, request: Request, number: int) -> Response:
        return Response(DatasetSerializer(dataset_numbered(number)).data)


class DatasheetView(StaffView):
    permission = "training.view_datasetversion"

    @extend_schema(responses={(200, "text/html"): str, (200, "text/markdown"): str})
    def get(self, request: Request, number: int, kind: str) -> HttpResponse:
        """What the version is and is not, as `datasheet.html` or `datasheet.md`."""
        version = dataset_numbered(number)
        if kind not in KINDS or not version.facts:
            raise Problem("no_datasheet", f"There is no datasheet.{kind} of version {version}.", status=404)
        audit_record(
            actor=actor_of(request._request), action="datasheet_viewed", subject=f"dataset:{version}"
        )
        answer = HttpResponse(
            datasheet(version, kind, names=True), content_type=f"{KINDS[kind]}; charset=utf-8"
        )
        answer.headers["Content-Disposition"] = f'attachment; filename="smielfy-{version}-datasheet.{kind}"'
        for header, value in PRIVATE_HEADERS.items():
            answer.headers[header] = value
        return answer


class ManifestView(StaffView):
    permission = "training.view_datasetversion"

    @extend_schema(responses={(200, kind): bytes for kind in MEDIA_TYPES.values()})
    def get(self, request: Request, number: int, suffix: str) -> FileResponse:
        """The manifest as `manifest.jsonl`, whose SHA-256 identifies the version, or `manifest.parquet`."""
        return manifest_response(dataset_numbered(number), suffix, actor=actor_of(request._request))


class DifferenceSerializer(serializers.Serializer[Any]):
    smiley = serializers.SlugField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    relabelled_from = serializers.IntegerField(help_text="Called so before, and otherwise now.")
    relabelled_to = serializers.IntegerField(help_text="Called otherwise before, and so now.")


class DatasetDifferenceView(StaffView):
    permission = "training.view_datasetversion"

    @extend_schema(responses=DifferenceSerializer(many=True))
    def get(self, request: Request, number: int, older: int) -> Response:
        """What has changed since an older version, by smiley. What was withdrawn since is in neither."""
        rows = versions_difference(dataset_numbered(older), dataset_numbered(number)).rows()
        names = tuple(DifferenceSerializer().fields)
        return Response([dict(zip(names, row, strict=True)) for row in rows])


class DatasetExportsView(StaffView):
    @property
    def permission(self) -> str:  # type: ignore[override]
        return "training.add_export" if self.request.method == "POST" else "training.view_export"

    @extend_schema(responses=ExportSerializer(many=True))
    def get(self, request: Request, number: int) -> Response:
        """A version's exports, the newest first."""
        exports = Export.objects.filter(version=dataset_numbered(number)).order_by("-created_at")[:100]
        return Response(ExportSerializer(exports, many=True).data)

    @extend_schema(request=ExportAskedSerializer, responses={202: ExportSerializer})
    def post(self, request: Request, number: int) -> Response:
        """Ask for the version in a format; look at the export until its state is `ready`."""
        asked = ExportAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        export, _ = export_request(
            version=dataset_numbered(number), actor=actor_of(request._request), **asked.validated_data
        )
        return Response(ExportSerializer(export).data, status=202)


class ExportView(StaffView):
    permission = "training.view_export"

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, export_id: uuid.UUID) -> Response:
        return Response(ExportSerializer(get_object_or_404(Export, pk=export_id)).data)


class ExportLinkView(StaffView):
    permission = "training.view_export"

    @extend_schema(
        request=LinkAskedSerializer,
        responses={201: {"type": "object", "properties": {"url": {"type": "string"}}}},
    )
    def post(self, request: Request, export_id: uuid.UUID) -> Response:
        """A link that downloads the export and expires. Of a release it is recorded who takes it along."""
        asked = LinkAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        token = export_link(
            export=get_object_or_404(Export, pk=export_id),
            actor=actor_of(request._request),
            contact=asked.validated_data["contact"],
            accepted=asked.validated_data["accept_terms"],
            api_token=token_prefix(request),
        )
        url = request.build_absolute_uri(reverse("api-export-file", args=[token]))
        return Response({"url": url}, status=201, headers={"Cache-Control": "no-store"})


class ExportFileView(APIView):
    """Whoever has the link was given it: programs that download know no session."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses={(200, "application/x-tar"): bytes, (206, "application/x-tar"): bytes})
    def get(self, request: Request, link: str) -> HttpResponse | StreamingHttpResponse:
        """The file, or the range of it that is asked for, so that a download can be resumed."""
        export, asked_by = export_by_link(link)
        wanted = range_of(request._request, export.size, export.sha256)
        if wanted is None or wanted.start == 0:
            audit_record(
                action="export_downloaded", subject=f"export:{export.pk}", sha256=export.sha256, **asked_by
            )
        return ranged_response(
            request._request,
            export.file,
            etag=export.sha256,
            content_type="application/x-tar",
            download_as=export.download_name,
        )
