"""The trainings that a run consists of, and which of them is kept.

    scratch       always
    warm          where it is asked for: goes on from the active model, or, for smileys where none is, from the one for
                  keypoints; only from one that has the same trunk, is not stale, and knows no photo that the run's
                  version leaves out
    by_picture    where it is asked for: people are not kept apart. It is shown beside the kept one, and never served

They share the run's seconds equally: what is compared has learned for equally long. Of scratch and warm the one is
kept that is better on the validation people. What they are is written down in the run before the first begins, so
that an attempt after a kill does the same; each has a folder of its own for its checkpoints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.nets.registry import RELATED
from operations.jobs.running import RunningJob

from .artifacts import artifact_check, artifact_fetch
from .figures import FIGURES
from .models import DatasetItem, ModelVersion, Task, TrainingRun
from .supervise import TrainingFailed, ml_command

SCRATCH, WARM, BY_PICTURE = "scratch", "warm", "by_picture"
_TOLD = ("epochs", "best_epoch", "seconds")


@dataclass(frozen=True)
class Trained:
    """The artifact that was kept, and that of the division by picture."""

    kept: Path
    by_picture: Path | None


def trials_plan(run: TrainingRun) -> list[dict[str, Any]]:
    """What the run consists of, as JSON values."""
    trials: list[dict[str, Any]] = [{"kind": SCRATCH, "name": "from scratch"}]
    source = _source(run) if run.warm_start else None
    if source is not None:
        trials.append({"kind": WARM, "name": f"from {source}", "model": source.pk})
    if run.random_split:
        trials.append({"kind": BY_PICTURE, "name": "people not kept apart"})
    share = max(run.max_seconds // len(trials), 1)
    return [{**trial, "max_seconds": share} for trial in trials]


def _source(run: TrainingRun) -> ModelVersion | None:
    """What a warm training goes on from."""
    for task, architecture in ((run.task, run.architecture), (Task.KEYPOINTS, RELATED.get(run.architecture))):
        active = ModelVersion.objects.active(task)
        if active is None or active.stale_since is not None or active.run.architecture != architecture:
            continue
        if not _knows_left_out(active, run):
            return active
    return None


def _knows_left_out(model: ModelVersion, run: TrainingRun) -> bool:
    """Whether it, or what it went on from, learned from a photo that the run's version leaves out, for it is nearly the
    same as one on which models are compared."""
    line: ModelVersion | None = model
    versions = set()
    while line is not None:
        versions.add(line.run.version_id)
        line = line.run.started_from
    left_out = run.version.left_out.values("photo")
    return DatasetItem.objects.filter(version__in=versions, photo__in=left_out).exists()


def trials_stale(run: TrainingRun) -> bool:
    """Whether it goes on from a model that has become stale meanwhile."""
    sources = [trial["model"] for trial in run.trials if trial["kind"] == WARM]
    return ModelVersion.objects.filter(pk__in=sources).exclude(stale_since=None).exists()


def trials_train(
    run: TrainingRun, job: RunningJob, *, pack: Path, folder: Path, log: Path, watch: Callable[[], None]
) -> Trained:
    """Do all of them, each from its last checkpoint, and write down in the run what came out and which is kept.

    Raises TrainingFailed when the training from scratch fails; what became of the others is written beside them.
    """
    folder.mkdir(exist_ok=True)
    for trial in run.trials:
        trial.pop("error", None)
        try:
            trial.update(_train(run, trial, job, pack=pack, folder=folder, log=log, watch=watch))
        except (TrainingFailed, ValueError, OSError) as error:
            if trial["kind"] == SCRATCH:
                raise
            trial["error"] = str(error).strip().splitlines()[-1]
        with job.fenced():
            TrainingRun.objects.filter(pk=run.pk).update(trials=run.trials)
    kept = max(run.trials, key=lambda trial: _result(run.task, trial))
    for trial in run.trials:
        trial["kept"] = trial is kept
    run.started_from_id = kept.get("model")
    with job.fenced():
        facts = {"trials": run.trials, "started_from": run.started_from_id}
        TrainingRun.objects.filter(pk=run.pk).update(**facts)
    apart = [trial for trial in run.trials if trial["kind"] == BY_PICTURE and "error" not in trial]
    return Trained(folder / kept["kind"], folder / BY_PICTURE if apart else None)


def _train(
    run: TrainingRun,
    trial: dict[str, Any],
    job: RunningJob,
    *,
    pack: Path,
    folder: Path,
    log: Path,
    watch: Callable[[], None],
) -> dict[str, Any]:
    """One of them; returns what it ended with: epochs, seconds and its figures on the validation people."""
    outcome: dict[str, Any] = {}

    def on_record(record: dict[str, Any]) -> None:
        if record.get("event") == "done":
            figures = {name: value for name, value in record.items() if name.startswith("validation_")}
            outcome.update({name: record[name] for name in _TOLD}, figures=figures)
        if record.get("event") != "epoch":
            return
        epoch = record["epoch"]
        others = [row for row in run.history if row["trial"] != trial["kind"] or row["epoch"] < epoch]
        facts = {name: value for name, value in record.items() if name != "event"}
        run.history = [*others, {"trial": trial["kind"], **facts}]
        with job.fenced():
            TrainingRun.objects.filter(pk=run.pk).update(history=run.history)
        job.progress(epoch, run.epochs, f"epoch {epoch} of {run.epochs}, {trial['name']}")

    command = ["train", run.task, "--data", str(pack), "--architecture", run.architecture]
    command += ["--out", str(folder / trial["kind"]), "--epochs", str(run.epochs), "--seed", str(run.seed)]
    # What an interrupted attempt has finished of a pack that has changed since is not gone on from.
    command += ["--replace", "--max-seconds", str(trial["max_seconds"]), "--json"]
    if trial["kind"] == WARM:
        begun = ModelVersion.objects.get(pk=trial["model"])
        source = artifact_fetch(begun)
        artifact_check(source, begun.task)
        command += ["--warm-start", str(source)]
    if trial["kind"] == BY_PICTURE:
        command += ["--split-by", "picture"]
    ml_command(command, log=log, on_record=on_record, watch=watch)
    return outcome


def _result(task: str, trial: dict[str, Any]) -> tuple[int, float, float]:
    """Larger for better on the validation people; what has none of its own comes last, and never one by picture."""
    if trial["kind"] == BY_PICTURE or "error" in trial:
        return (-1, 0.0, 0.0)
    figure, figures = FIGURES[Task(task)][0], trial.get("figures", {})
    value, loss = (figures.get(f"validation_{name}") for name in (figure.name, "loss"))
    if value is None or loss is None:  # as an NME is where no picture shows both eyes
        return (0, 0.0, -(loss or 0.0))
    return (1, value if figure.more_is_better else -value, -loss)
