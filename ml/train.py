"""Training: a config and data in, an artifact directory out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import INFO, KERAS_MODEL, ArtifactError, ArtifactInfo, read_artifact, write_artifact
from ml.checkpoints import Checkpoints
from ml.config import ConfigError, TrainConfig
from ml.data.packed import PackedData
from ml.loop import Event, Progress, Run, TrainingDivergedError
from ml.nets.registry import Architecture, architecture

__all__ = ["TrainingDivergedError", "check_shape", "train"]

_CHECKPOINTS = "checkpoints"
_ANY_OUTPUTS = 3
#: For TensorBoard: ``tensorboard --logdir`` finds it by this part of its name.
EVENTS = "events.out.tfevents.curves"


def train(
    config: TrainConfig,
    data: PackedData,
    workdir: Path,
    report: Callable[[Event], None] = lambda event: None,
    replace: bool = False,
) -> Path:
    """Train a network and leave an artifact in ``workdir``.

    A run that was killed goes on where its last whole epoch ended, when it is started again with the same
    config, data and workdir; one that was finished is left as it is. The same seed and data give the same
    result on CPU.

    Args:
        config: what to do.
        data: packed faces; only its train and validation splits are looked at.
        workdir: the artifact's directory, with the checkpoints in it until the end.
        report: told of ``{"event": "notice", "message"}``, ``{"event": "batch", "epoch", "batch",
            "batches"}`` and ``{"event": "epoch", "epoch", "epochs", "loss", "validation_loss", "learning_rate",
            "seconds", "cpu_seconds"}`` with the task's own figures: ``validation_accuracy``, ``validation_rmse`` and
            ``validation_nme``, or ``validation_l1`` and ``validation_masked_l1``.
        replace: train anew where ``workdir`` holds a finished model of another config or other data.

    Returns:
        ``workdir``.

    Raises:
        ConfigError: an unknown architecture or loss, a size or filters that the network cannot have, or another
            finished model in ``workdir``.
        DataError: data for another task, or too little to learn from.
        ArtifactError: nothing usable to start from in ``config.warm_start``.
        TrainingDivergedError: NaN; the last good checkpoint is kept.
    """

    def notice(message: str) -> None:
        report({"event": "notice", "message": message})

    net = _network(config)
    finished = (workdir / INFO).exists()
    if finished and _is_of(workdir, config, data, replace=replace):
        notice(f"{workdir} holds this very model already; nothing to do.")
        return workdir
    check_shape(config)
    from ml.tasks import choose_task

    task = choose_task(config, data)
    donor = _donor(config, workdir)
    for message in task.notices:
        notice(message)
    if donor is not None and donor.data_hash != data.data_hash:
        notice("Begun with a model that learned from other data: people tested here may have been in it.")
    if finished:
        notice(f"{workdir} holds another finished model, which is replaced.")
        (workdir / INFO).unlink()
    workdir.mkdir(parents=True, exist_ok=True)

    def on_epoch(progress: Progress) -> None:
        from ml.events import write_events

        write_events(workdir / EVENTS, progress.history)

    checkpoints = Checkpoints(workdir / _CHECKPOINTS, notice)
    run = Run(config, data, task, net, checkpoints, report, on_epoch=on_epoch)
    model = run.to_end()
    if config.flip_test:
        from ml.nets.mirrored import averaged_with_mirror

        model = averaged_with_mirror(model, config.task)
    write_artifact(
        workdir,
        model,
        ArtifactInfo(
            task=config.task,
            architecture=config.architecture,
            classes=task.classes,
            input_size=task.size,
            channels=task.channels,
            seed=config.seed,
            config=config.as_dict(),
            data_hash=data.data_hash,
            left_out=task.left_out,
            training=_facts(run, task, data, model, donor),
        ),
        onnx=config.onnx,
    )
    checkpoints.remove()
    return workdir


def check_shape(config: TrainConfig) -> None:
    """Build the network once where its size, filters or kernels are not its own.

    Raises:
        ConfigError: it cannot have these, or there is no such network.
    """
    net = _network(config)
    names = ("size", "filters", "kernels")
    chosen = {name: value for name in names if (value := getattr(config, name)) is not None}
    if not chosen:
        return
    try:
        net.build(_ANY_OUTPUTS, **chosen)
    except (TypeError, ValueError) as error:
        told = ", ".join(f"{name} {str(value).strip('(,)')}" for name, value in chosen.items())
        if isinstance(error, TypeError):
            why = "it has no filters and kernels to choose; leave them out"
        elif config.filters or config.kernels:
            why = f"{_first_line(error)}; filters and kernels have to be equally many, and the side halved as often"
        else:
            why = f"{_first_line(error)}; leave it out for its own, {net.size}"
        raise ConfigError(f"{config.architecture} does not work with {told}: {why}.") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _network(config: TrainConfig) -> Architecture:
    try:
        return architecture(config.architecture, config.task)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _is_of(workdir: Path, config: TrainConfig, data: PackedData, *, replace: bool) -> bool:
    """Whether the finished model there is of this config and data; another one is refused unless it may be replaced."""
    try:
        done = read_artifact(workdir)
        if dict(done.config) == config.as_dict() and done.data_hash == data.data_hash:
            return True
    except ArtifactError:
        if not replace:
            raise
    if not replace:
        raise ConfigError(
            f"{workdir} holds another finished model: name a new --out, remove it, or train anew with --replace."
        )
    return False


def _donor(config: TrainConfig, workdir: Path) -> ArtifactInfo | None:
    """The model to begin with."""
    if config.warm_start is None:
        return None
    if Path(config.warm_start).resolve() == workdir.resolve():
        raise ConfigError(f"{workdir} cannot begin with the model that it replaces: name a new --out.")
    return read_artifact(config.warm_start)


def _facts(run: Run, task: Any, data: PackedData, model: Any, donor: ArtifactInfo | None) -> dict[str, Any]:
    """What happened, as JSON values."""
    progress = run.progress
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "seconds": round(progress.seconds, 2),
        "cpu_seconds": round(progress.cpu_seconds, 2),
        "batch_size": progress.batch_size,
        "parameters": int(model.count_params()),
        "device": "GPU" if run.on_gpu else "CPU",
        "precision": "mixed_float16 with XLA" if run.on_gpu else "float32",
        "pictures": {"train": len(task.train), "validation": len(task.validation)},
        "people": {
            "train": len(np.unique(data.persons[task.train])),
            "validation": len(np.unique(data.persons[task.validation])),
        },
        "split_by": data.about.get("split_by", "person"),
        "about": dict(data.about),
        "warm_start": None if donor is None else {
            "data_hash": donor.data_hash, "model_sha256": donor.files.get(KERAS_MODEL),
        },
        "history": progress.history,
    }  # fmt: skip
