"""Trying the models on a picture that is looked at in this process and kept nowhere."""

import base64
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from collector.intake.receive import clean_picture
from collector.models import Smiley
from collector.wording import shown
from operations.problems import Problem

from .artifacts import artifact_fetch
from .models import ModelVersion, Task

if TYPE_CHECKING:
    from ml.tryout import Trial

logger = logging.getLogger(__name__)

#: Pictures that a web process looks at at the same time; its other threads go on answering.
_MOST = 2
_AT_ONCE = threading.BoundedSemaphore(_MOST)
_WAIT_SECONDS = 10
#: They do so in threads of their own: each thread that looks keeps 20 MB of networks and buffers from then on.
_LOOKERS = ThreadPoolExecutor(_MOST, thread_name_prefix="try")


def picture_try(*, data: bytes, style: str, seed: int) -> dict[str, Any]:
    """What the active models make of an uploaded picture: facts, and pictures as data addresses.

    Raises Problem: style_unknown, busy, no_face, and those of an upload.
    """
    from ml.masks.styles import STYLES

    if style and style not in STYLES:
        raise Problem(
            "style_unknown",
            _("There is no such mask; there are %(names)s.") % {"names": ", ".join(STYLES)},
        )
    picture = clean_picture(data)
    if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise Problem("busy", _("Many are trying at this moment. Try again in a minute."), status=503)
    try:
        return _tried(picture.jpeg, style, seed)
    finally:
        _AT_ONCE.release()


def _tried(jpeg: bytes, style: str, seed: int) -> dict[str, Any]:
    from .predictions import classifier, placer, unmasker

    kinds = {
        Task.SMILEY: ("smiley", classifier),
        Task.KEYPOINTS: ("keypoints", placer),
        Task.UNMASK: ("unmasker", unmasker),
    }
    models: dict[str, Any] = {}
    numbers: dict[Task, int] = {}
    for task, (name, load) in kinds.items():
        active = ModelVersion.objects.active(task)
        if active is None:
            continue
        try:
            models[name] = load(artifact_fetch(active))
        except (ValueError, OSError):  # the others answer without it
            logger.exception("A model cannot be loaded", extra={"model": str(active)})
            continue
        numbers[task] = active.number
    looked = _LOOKERS.submit(_look, jpeg, style, seed, models).result()
    if looked is None:
        raise Problem(
            "no_face",
            _("We could not find a face in it. Come closer, into the light, and look at the camera."),
            status=422,
        )
    return _told(*looked, numbers)


def _look(
    jpeg: bytes, style: str, seed: int, models: dict[str, Any]
) -> "tuple[Trial, dict[str, str]] | None":
    """All that needs no database, and no language: what was made of the picture, and its pictures."""
    from labeling.analysis import analyser
    from labeling.crops import crop_encode
    from ml.pictures import read_picture
    from ml.tryout import png, try_out, with_points

    trial = try_out(read_picture(jpeg), analyser(), style=style, seed=seed, **models)
    if trial is None:
        return None
    pictures = {
        "face": _address(crop_encode(trial.crop), "jpeg"),
        "points": _address(crop_encode(with_points(trial.crop, trial.keypoints)), "jpeg"),
    }
    if trial.masked is not None:
        pictures["masked"] = _address(crop_encode(trial.masked), "jpeg")
    if trial.unmasked is not None:
        pictures["unmasked"] = _address(png(trial.unmasked, invented=True), "png")
    return trial, pictures


def _told(trial: "Trial", pictures: dict[str, str], numbers: dict[Task, int]) -> dict[str, Any]:
    facts = trial.facts()
    return {
        "face": {name: facts[name] for name in ("box", "score", "flags")},
        "keypoints": facts["keypoints"],
        "keypoints_by": facts["keypoints_by"],
        "smiley": _smiley(trial, numbers.get(Task.SMILEY)),
        "mask": facts["style"],
        "unmasked_is": _("Invented by a model, not this person.") if "unmasked" in pictures else None,
        "models": {str(task): number for task, number in numbers.items()},
        "pictures": pictures,
    }


def _smiley(trial: "Trial", number: int | None) -> dict[str, Any] | None:
    if trial.voted is None or trial.single is None:
        return None
    known = {smiley.slug: smiley for smiley in Smiley.objects.filter(slug__in=trial.voted)}
    rows = [
        {
            "slug": slug,
            "glyph": known[slug].glyph if slug in known else slug,
            "title": shown(known[slug]).title if slug in known else slug,
            "share": round(share, 5),
            "single": round(trial.single[slug], 5),
        }
        for slug, share in trial.voted.items()
    ]
    return {"model": number, "distribution": rows}


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
