"""Examining what a training has left: figures, a report, and what the rule of promotion says of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.artifacts import ArtifactError

from .artifacts import artifact_check, artifact_fetch
from .figures import FIGURES
from .models import ModelVersion, Task
from .promotion import judge
from .supervise import ml_command

REPORT = "report.html"

Judged = tuple[dict[str, Any], dict[str, Any]]


def model_examine(
    *,
    task: str,
    artifact: Path,
    pack: Path,
    log: Path,
    at_random: Path | None = None,
    watch: Callable[[], None] = lambda: None,
) -> Judged:
    """Measure a model on the test people of a packed data set, beside the active one; returns its metrics and the
    judgement. The report that is left in its artifact shows no face: it would outlive a withdrawal. `at_random`: a
    model of which people were not kept apart, to show how much that flatters.

    Raises TrainingFailed, also when the model answers with what is no number.
    """
    evaluate = ["evaluate", "--model", str(artifact), "--data", str(pack), "--json"]
    evaluate += ["--report", str(artifact / REPORT)]
    if task == Task.SMILEY:
        evaluate += ["--vote", "--confusion-matrix", str(artifact / "confusion.png")]
    if at_random is not None:
        evaluate += ["--random-split", str(at_random)]
    active, unusable = ModelVersion.objects.active(task), ""
    if active is None:
        evaluate += ["--compare"]
    else:
        try:
            former = artifact_fetch(active)
            artifact_check(former, task)
        except (ArtifactError, ValueError, OSError) as error:
            unusable = f"Model {active} cannot be used any more, so there is nothing to compare with: {error}"
        else:
            evaluate += ["--compare", str(former)]
    results: list[dict[str, Any]] = []
    ml_command(evaluate, log=log, on_record=results.append, watch=watch)
    metrics = results[-1]
    if "random_split" in metrics:
        told = {figure.name for figure in FIGURES[Task(task)]} | {"intervals", "samples", "seconds"}
        metrics["random_split"] = {name: metrics["random_split"].get(name) for name in told}
    judgement = judge(task, metrics.get("comparison"), active)
    return metrics, {**judgement, "reason": unusable or judgement["reason"]}
