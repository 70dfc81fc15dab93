"""The active smiley and keypoint models, given out to browsers. Public: they hold no photo and no name."""

import json
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe

from .artifacts import artifact_fetch
from .models import ModelVersion, Task

_FILE = "model.tflite"
# A day: what was trained on a withdrawn photo must not go on in browsers for long after it was replaced here.
_KEPT_SECONDS = 24 * 3600


_GIVEN_OUT = (Task.SMILEY, Task.KEYPOINTS)


def _active(task: str) -> ModelVersion | None:
    if task not in _GIVEN_OUT:
        raise Http404
    model = ModelVersion.objects.active(task)
    return model if model is not None and _FILE in model.files else None


def _active_etag(request: HttpRequest, task: str) -> str:
    model = _active(task)
    return f'"{model.number}-{model.files[_FILE]}"' if model else '"none"'


def _file_etag(request: HttpRequest, task: str, number: int) -> str | None:
    model = _active(task)
    return f'"{model.files[_FILE]}"' if model and model.number == number else None


@require_safe
@cache_control(public=True, no_cache=True)  # asked each time, answered by 304 mostly
@condition(etag_func=_active_etag)
def active(request: HttpRequest, task: str) -> JsonResponse:
    """What a browser has to know to run it; `{"model": null}` while there is none."""
    model = _active(task)
    return JsonResponse({"model": _facts(model) if model else None})


@require_safe
@cache_control(public=True, max_age=_KEPT_SECONDS)
@condition(etag_func=_file_etag)
def model_file(request: HttpRequest, task: str, number: int) -> HttpResponseBase:
    """The serving file of the active model, and of no other."""
    model = _active(task)
    if model is None or model.number != number:
        raise Http404
    return FileResponse((artifact_fetch(model) / _FILE).open("rb"), content_type="application/octet-stream")


def _facts(model: ModelVersion) -> dict[str, Any]:
    info = json.loads((artifact_fetch(model) / "artifact.json").read_text())
    return {
        "number": model.number,
        "file": reverse("live-model-file", args=[model.task, model.number]),
        "sha256": model.files[_FILE],
        "classes": info["classes"],
        "input_size": info["input_size"],
        "channels": info["channels"],
    }
