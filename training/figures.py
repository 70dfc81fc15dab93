"""The figures of a model, in the few words that lists and commands have room for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .models import Task


class Figure(NamedTuple):
    """The first of a task is the one by which models are compared."""

    name: str
    title: str
    form: str
    more_is_better: bool


FIGURES = {
    Task.SMILEY: (
        Figure("accuracy", "accuracy", ".1%", more_is_better=True),
        Figure("macro_f1", "macro-F1", ".3f", more_is_better=True),
    ),
    Task.KEYPOINTS: (
        Figure("nme", "NME", ".4f", more_is_better=False),
        Figure("rmse", "RMSE in pixels", ".2f", more_is_better=False),
    ),
    Task.UNMASK: (
        Figure("masked_l1", "L1 inside the mask", ".4f", more_is_better=False),
        Figure("masked_ssim", "SSIM inside the mask", ".3f", more_is_better=True),
    ),
}


def headlines(task: str, metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(title, figure) of those that matter most; a figure that there is not is left out."""
    known = [(figure, metrics.get(figure.name)) for figure in FIGURES[Task(task)]]
    return [(figure.title, format(value, figure.form)) for figure, value in known if value is not None]


def told(task: str, metrics: Mapping[str, Any]) -> str:
    """One line of them, each with its 95 % interval where there is one."""
    words = []
    for figure in FIGURES[Task(task)]:
        if (value := metrics.get(figure.name)) is None:
            continue
        between = metrics.get("intervals", {}).get(figure.name)
        sure = f" ({between[0]:{figure.form}} to {between[1]:{figure.form}})" if between else ""
        words.append(f"{figure.title} {value:{figure.form}}{sure}")
    return ", ".join(words)
