"""Training: a config and data in, an artifact directory out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import INFO, ArtifactInfo, read_artifact, write_artifact
from ml.checkpoints import Checkpoints
from ml.config import ConfigError, TrainConfig
from ml.data.packed import PackedData
from ml.loop import Event, Progress, Run, TrainingDivergedError
from ml.nets.registry import architecture

__all__ = ["TrainingDivergedError", "train"]

_CHECKPOINTS = "checkpoints"
#: For TensorBoard: ``tensorboard --logdir`` finds it by this part of its name.
EVENTS = "events.out.tfevents.curves"


def train(
    config: TrainConfig,
    data: PackedData,
    workdir: Path,
    report: Callable[[Event], None] = lambda event: None,
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

    Returns:
        ``workdir``.

    Raises:
        ConfigError: an unknown architecture or loss, or another finished model in ``workdir``.
        DataError: data for another task, or too little to learn from.
        ArtifactError: nothing usable to start from in ``config.warm_start``.
        TrainingDivergedError: NaN; the last good checkpoint is kept.
    """
    try:
        net = architecture(config.architecture, config.task)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if (workdir / INFO).exists():
        done = read_artifact(workdir)
        if dict(done.config) == config.as_dict() and done.data_hash == data.data_hash:
            report({"event": "notice", "message": f"{workdir} holds this very model already; nothing to do."})
            return workdir
        raise ConfigError(f"{workdir} holds another finished model: name a new --out, or remove it.")
    from ml.tasks import choose_task

    task = choose_task(config, data)
    for notice in task.notices:
        report({"event": "notice", "message": notice})
    workdir.mkdir(parents=True, exist_ok=True)

    def on_epoch(progress: Progress) -> None:
        from ml.events import write_events

        write_events(workdir / EVENTS, progress.history)

    run = Run(config, data, task, net, Checkpoints(workdir / _CHECKPOINTS), report, on_epoch=on_epoch)
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
            training=_facts(run, task, data, model),
        ),
        onnx=config.onnx,
    )
    run.checkpoints.remove()
    return workdir


def _facts(run: Run, task: Any, data: PackedData, model: Any) -> dict[str, Any]:
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
        "history": progress.history,
    }
