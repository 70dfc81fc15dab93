"""Data sets, runs and models in admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.forms import ChoiceField, ModelForm
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from labeling.models import Face
from ml.nets.registry import ARCHITECTURES, BEST
from operations.admin import LongListAdmin, ReadOnlyAdmin
from operations.audit import actor_of
from operations.models import Job
from operations.problems import Problem

from .differences import versions_difference
from .exports import admin as exports_admin
from .figures import headlines, told
from .judging import REPORT
from .models import DatasetVersion, ModelVersion, Prediction, Split, Task, TrainingRun
from .promotion import model_before
from .run_pages import curves_svg, table, trainings_table
from .runs import run_request
from .strips import strips_html
from .version_pages import datasheet_links, leaks_html, manifest_links

__all__ = ["exports_admin"]  # so that the admin of exports is registered, too


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin):
    change_list_template = "admin/training/datasetversion/change_list.html"
    list_display = ("__str__", "photos", "people", "created_at", "created_by", "begins_with")
    ordering = ("-number",)
    fields = (
        "number",
        "revision",
        "created_at",
        "created_by",
        "people",
        "photos",
        "table",
        "since",
        "leaks",
        "sha256",
        "download",
        "datasheet",
        "exports",
    )
    readonly_fields = ("table", "since", "leaks", "download", "datasheet", "exports")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatasetVersion]:
        return super().get_queryset(request).filter(draft=False)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        asked = Job.objects.filter(kind="training.freeze_dataset").order_by("-created_at").first()
        return super().changelist_view(request, {**(extra_context or {}), "freeze": asked})

    @admin.display(description="SHA-256 begins with")
    def begins_with(self, version: DatasetVersion) -> str:
        return version.sha256[:12]

    @admin.display(description="photos by smiley and split")
    def table(self, version: DatasetVersion) -> str:
        rows = [
            (smiley, *(splits[name] for name in Split.values)) for smiley, splits in version.counts.items()
        ]
        return table(("smiley", *Split.values), rows)

    @admin.display(description="since the version before")
    def since(self, version: DatasetVersion) -> str:
        former = DatasetVersion.objects.frozen().filter(pk__lt=version.pk).order_by("-pk").first()
        if former is None:
            return "It is the first."
        rows = versions_difference(former, version).rows()
        if not rows:
            return f"Nothing has changed since version {former}."
        head = (f"since version {former}", "added", "removed", "called otherwise now", "called so now")
        return table(head, rows)

    @admin.display(description="left out")
    def leaks(self, version: DatasetVersion) -> str:
        return leaks_html(version)

    @admin.display(description="datasheet")
    def datasheet(self, version: DatasetVersion) -> str:
        return datasheet_links(version)

    @admin.display(description="manifest")
    def download(self, version: DatasetVersion) -> str:
        return manifest_links(version)

    @admin.display(description="exports")
    def exports(self, version: DatasetVersion) -> str:
        listed = f"{reverse('admin:training_export_changelist')}?version__number__exact={version.pk}"
        add = f"{reverse('admin:training_export_add')}?version={version.pk}"
        return format_html(
            '<a href="{}">{} so far</a>, <a href="{}">ask for one</a>', listed, version.exports.count(), add
        )


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    change_form_template = "admin/training/trainingrun/change_form.html"
    list_display = ("__str__", "state", "figures", "created_at", "finished_at", "created_by")
    list_filter = ("task", "architecture", "state")
    list_select_related = ("version",)
    ordering = ("-created_at",)
    asked = (
        "version",
        "architecture",
        "epochs",
        "max_seconds",
        "seed",
        "promotes",
        "warm_start",
        "random_split",
    )
    readonly_fields = ("trainings", "curves", "figures", "apart", "log")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.add_trainingrun")

    def get_fields(self, request: HttpRequest, obj: TrainingRun | None = None) -> tuple[str, ...]:
        failed = ("log",) if obj and obj.error else ()
        # While it learns they are above, where they are drawn again as it goes on.
        curves = ("curves",) if obj and obj.finished_at else ()
        outcome = ("state", *failed, "figures", "apart", "trainings", *curves, "started_at", "finished_at")
        return ("task", *self.asked, *outcome) if obj else self.asked

    def get_readonly_fields(self, request: HttpRequest, obj: TrainingRun | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        jobs = Job.objects.filter(kind="training.train", subject=object_id or "").order_by("-created_at")
        run = self.get_object(request, object_id) if object_id else None
        known = {"job": jobs.first() if object_id else None, "live_curves": curves_svg(run) if run else ""}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **known})

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        if db_field.name != "architecture":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return ChoiceField(
            choices=[
                (Task(task).label, [(name, name) for name, net in ARCHITECTURES.items() if net.task == task])
                for task in Task.values
            ],
            initial=BEST[Task.SMILEY],
            help_text="What is trained for what. Those of our own begin with smielfy; the others are published.",
        )

    def save_model(self, request: HttpRequest, obj: TrainingRun, form: ModelForm[Any], change: bool) -> None:
        try:
            run, _ = run_request(
                task=ARCHITECTURES[obj.architecture].task,
                **{name: getattr(obj, name) for name in self.asked},
                actor=actor_of(request),
            )
        except Problem as problem:
            messages.set_level(request, messages.ERROR)
            messages.error(request, problem.detail)
        else:
            obj.pk = run.pk

    @admin.display(description="on unseen people")
    def figures(self, run: TrainingRun) -> str:
        return told(run.task, run.metrics)

    @admin.display(description="people not kept apart")
    def apart(self, run: TrainingRun) -> str:
        return told(run.task, run.metrics.get("random_split") or {}) or "not measured"

    @admin.display(description="trainings")
    def trainings(self, run: TrainingRun) -> str:
        return trainings_table(run)

    @admin.display(description="curves")
    def curves(self, run: TrainingRun) -> str:
        return curves_svg(run)

    @admin.display(description="why it stopped")
    def log(self, run: TrainingRun) -> str:
        return format_html('<pre class="log">{}</pre>', run.error)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    change_list_template = "admin/training/modelversion/change_list.html"
    change_form_template = "admin/training/modelversion/change_form.html"
    list_display = ("__str__", "serving", "headline", "reason", "promoted_at", "created_at")
    list_filter = ("task", "state")
    ordering = ("-created_at",)
    readonly_fields = (
        "serving",
        "figures",
        "apart",
        "verdict",
        "report",
        "strips",
        "worst",
        "per_class",
        "confusion",
    )

    def get_fields(self, request: HttpRequest, obj: ModelVersion | None = None) -> tuple[str, ...]:
        own = {Task.SMILEY.value: ("per_class", "confusion"), Task.UNMASK.value: ("strips",)}
        return (
            "task",
            "number",
            "serving",
            "verdict",
            "figures",
            "apart",
            "report",
            "run",
            "created_at",
            *(own.get(obj.task, ()) if obj else ()),
            "worst",
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        served = [
            {
                "task": Task(task).label,
                "model": ModelVersion.objects.active(task),
                "before": model_before(task),
            }
            for task in Task.values
        ]
        return super().changelist_view(request, {**(extra_context or {}), "served": served})

    @admin.display(description="state", ordering="state")
    def serving(self, model: ModelVersion) -> str:
        marks = ["pinned"] if model.pinned else []
        marks += [f"stale since {model.stale_since:%Y-%m-%d}"] if model.stale_since else []
        return ", ".join([model.state, *marks])

    @admin.display(description="on unseen people")
    def figures(self, model: ModelVersion) -> str:
        return told(model.task, model.metrics)

    @admin.display(description="people not kept apart")
    def apart(self, model: ModelVersion) -> str:
        return told(model.task, model.metrics.get("random_split") or {}) or "not measured"

    @admin.display(description="before and after")
    def strips(self, model: ModelVersion) -> str:
        return strips_html(model)

    @admin.display(description="on unseen people")
    def headline(self, model: ModelVersion) -> str:
        return " ".join(next(iter(headlines(model.task, model.metrics)), ()))

    @admin.display(description="by the rule")
    def reason(self, model: ModelVersion) -> str:
        return str(model.judgement.get("reason", ""))

    @admin.display(description="by the rule")
    def verdict(self, model: ModelVersion) -> str:
        judgement = model.judgement
        if "interval" not in judgement or not judgement["interval"]:
            return str(judgement.get("reason", "not judged"))
        low, high = judgement["interval"]
        return (
            f"{judgement['reason']} {judgement['figure']}: {judgement['difference']:+.4f}, 95 % of the draws of "
            f"{judgement['people']} people from {low:+.4f} to {high:+.4f}."
        )

    @admin.display(description="report")
    def report(self, model: ModelVersion) -> str:
        if REPORT not in model.files:
            return "none was written"
        url = reverse("model-report", args=[model.pk])
        return format_html('<a href="{}">all figures, curves and slices on one page</a>', url)

    @admin.display(description="worst on")
    def worst(self, model: ModelVersion) -> str:
        """Shown from the photos themselves, so that none outlives its withdrawal."""
        ids = [name.partition("#")[0] for name in model.metrics.get("worst", [])]
        there = Face.objects.filter(photo__in=ids, is_subject=True).exclude(crop="").select_related("photo")
        faces = {str(face.photo_id): face for face in there}
        shown = [faces[name] for name in dict.fromkeys(ids) if name in faces]
        return format_html(
            '<div class="worst">{}</div>',
            format_html_join(
                "",
                '<a href="{}"><img alt="{}" src="{}" width="96" height="96" loading="lazy"></a>',
                (
                    (
                        reverse("admin:collector_photo_change", args=[face.photo_id]),
                        f"labelled {face.photo.accepted_as or face.photo.state}",
                        reverse("face-crop", args=[face.pk]),
                    )
                    for face in shown
                ),
            ),
        )

    @admin.display(description="by smiley")
    def per_class(self, model: ModelVersion) -> str:
        names = ("precision", "recall", "f1")
        rows = [
            (smiley, *(f"{figures[name]:.3f}" for name in names), figures["support"])
            for smiley, figures in model.metrics["per_class"].items()
        ]
        return table(("smiley", *names, "photos"), rows)

    @admin.display(description="confusion matrix")
    def confusion(self, model: ModelVersion) -> str:
        url = reverse("model-confusion", args=[model.pk])
        return format_html('<img class="picture" alt="Confusion matrix on unseen people" src="{}">', url)


@admin.register(Prediction)
class PredictionAdmin(LongListAdmin):
    list_display = ("face", "model", "smiley", "share", "created_at")
    list_filter = ("model", "smiley")
    list_select_related = ("model", "smiley", "face")
    ordering = ("-pk",)
