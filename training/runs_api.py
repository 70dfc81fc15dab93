"""Trainings, models and what models say under /api/v1/, for managers and their programs."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from ml.nets.registry import BEST
from operations.audit import actor_of
from operations.staff_api import StaffView

from .datasets import dataset_latest, dataset_numbered
from .models import ModelVersion, Prediction, Task, TrainingRun
from .promotion import model_promote, model_roll_back
from .runs import run_request


class NewestFirst(CursorPagination):
    page_size = 100
    ordering = ("-created_at", "-pk")


class NewestPredictionsFirst(CursorPagination):
    page_size = 500
    ordering = "-pk"


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    epochs_done = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField(help_text="The id of what came out; none before it is done.")

    class Meta:
        model = TrainingRun
        fields = (
            "id", "task", "architecture", "version", "photos", "epochs", "epochs_done", "max_seconds", "seed",
            "promotes", "warm_start", "random_split", "state", "metrics", "error", "model", "created_by",
            "created_at", "started_at", "finished_at",
        )  # fmt: skip

    def get_epochs_done(self, run: TrainingRun) -> int:
        return len(run.history)

    def get_model(self, run: TrainingRun) -> int | None:
        return run.model.pk if hasattr(run, "model") else None


class RunAskedSerializer(serializers.Serializer[Any]):
    task = serializers.ChoiceField(choices=Task.choices)
    architecture = serializers.CharField(
        default="", allow_blank=True, help_text="Without it the task's best."
    )
    version = serializers.IntegerField(default=None, allow_null=True, help_text="Without it the newest.")
    epochs = serializers.IntegerField(default=40, min_value=1, max_value=10_000)
    max_seconds = serializers.IntegerField(default=3600, min_value=1, max_value=30 * 24 * 3600)
    seed = serializers.IntegerField(default=1, min_value=0, max_value=2**31 - 1)
    promotes = serializers.BooleanField(default=False, help_text="Let it serve if it is better beyond noise.")
    warm_start = serializers.BooleanField(
        default=False, help_text="Begin with the serving model, too, and keep what is better on validation."
    )
    random_split = serializers.BooleanField(
        default=False, help_text="Measure, too, what it would seem to reach if people were not kept apart."
    )


class ModelSerializer(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = (
            "id", "task", "number", "run", "state", "stale_since", "pinned", "judgement", "classes", "metrics",
            "files", "created_at", "promoted_at",
        )  # fmt: skip


class RollBackSerializer(serializers.Serializer[Any]):
    task = serializers.ChoiceField(choices=Task.choices)


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    photo = serializers.UUIDField(source="face.photo_id")
    smiley = serializers.SlugField(source="smiley.slug")

    class Meta:
        model = Prediction
        fields = ("photo", "face", "model", "smiley", "share", "distribution", "created_at")


class PredictionsAskedSerializer(serializers.Serializer[Any]):
    model = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    photo = serializers.UUIDField(required=False)


class RunsView(StaffView, ListAPIView[TrainingRun]):
    """Trainings, the newest first."""

    serializer_class = RunSerializer
    pagination_class = NewestFirst
    queryset = TrainingRun.objects.select_related("model")

    @property
    def permission(self) -> str:  # type: ignore[override]
        return f"training.{'add' if self.request.method == 'POST' else 'view'}_trainingrun"

    @extend_schema(request=RunAskedSerializer, responses={202: RunSerializer})
    def post(self, request: Request) -> Response:
        """Ask for a training. The same request, while unfinished, is the same run."""
        asked = RunAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        number = wanted["version"]
        wanted["version"] = dataset_latest() if number is None else dataset_numbered(number)
        wanted["architecture"] = wanted["architecture"] or BEST[wanted["task"]]
        run, _ = run_request(**wanted, actor=actor_of(request._request))
        return Response(RunSerializer(run).data, status=202)


class RunView(StaffView):
    permission = "training.view_trainingrun"

    @extend_schema(responses=RunSerializer)
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        return Response(RunSerializer(get_object_or_404(TrainingRun, pk=run_id)).data)


class ModelsView(StaffView, ListAPIView[ModelVersion]):
    """Registered models, the newest first."""

    permission = "training.view_modelversion"
    serializer_class = ModelSerializer
    pagination_class = NewestFirst
    queryset = ModelVersion.objects.all()


class ModelView(StaffView):
    permission = "training.view_modelversion"

    @extend_schema(responses=ModelSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(ModelSerializer(get_object_or_404(ModelVersion, pk=pk)).data)


class PromoteView(StaffView):
    permission = "training.change_modelversion"

    @extend_schema(request=None, responses=ModelSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Let this model serve."""
        model = get_object_or_404(ModelVersion, pk=pk)
        return Response(ModelSerializer(model_promote(model=model, actor=actor_of(request._request))).data)


class RollBackView(StaffView):
    permission = "training.change_modelversion"

    @extend_schema(request=RollBackSerializer, responses=ModelSerializer)
    def post(self, request: Request) -> Response:
        """Let the model serve again that did before the active one of a task."""
        asked = RollBackSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        model = model_roll_back(**asked.validated_data, actor=actor_of(request._request))
        return Response(ModelSerializer(model).data)


class PredictionsView(StaffView, ListAPIView[Prediction]):
    """What models said of faces, the newest first."""

    permission = "training.view_prediction"
    serializer_class = PredictionSerializer
    pagination_class = NewestPredictionsFirst
    queryset = Prediction.objects.select_related("face", "smiley")

    @extend_schema(parameters=[PredictionsAskedSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of one `photo` or one `model`, where these are named."""
        return super().get(request, *args, **kwargs)

    def filter_queryset(self, queryset: Any) -> Any:
        asked = PredictionsAskedSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        names = {"photo": "face__photo", "model": "model"}
        return queryset.filter(**{names[name]: value for name, value in asked.validated_data.items()})
