"""Training: a config and data in, an artifact directory out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.artifacts import INFO, ArtifactInfo, read_artifact, write_artifact
from ml.checkpoints import Checkpoints
from ml.config import ConfigError, TrainConfig
from ml.data.manifest import PackedData
from ml.data.task import LearningTask, choose_task
from ml.nets.registry import architecture

Event = Mapping[str, Any]

_CHECKPOINTS = "checkpoints"
#: Below this the network learns nothing more: the run is over.
_LEAST_RATE_SHARE = 1 / 64


class TrainingDivergedError(RuntimeError):
    """The loss became infinite or not a number."""


@dataclass
class _Progress:
    """What a run remembers from epoch to epoch; kept in the checkpoint."""

    epoch: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best: tuple[float, float] = (-1.0, -math.inf)  # accuracy, then less loss, on the validation people
    least_loss: float = math.inf
    waited: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    config: TrainConfig,
    data: PackedData,
    workdir: Path,
    report: Callable[[Event], None] = lambda event: None,
) -> Path:
    """Train a smiley classifier and leave an artifact in ``workdir``.

    A run that was killed goes on where its last whole epoch ended, when it is started again with the same
    config, data and workdir; one that was finished is left as it is. The same seed and data give the same
    result on CPU.

    Args:
        config: what to do.
        data: packed faces; only its train and validation splits are looked at.
        workdir: the artifact's directory, with the checkpoints in it until the end.
        report: told of ``{"event": "notice", "message"}``, ``{"event": "batch", "epoch", "batch",
            "batches"}`` and ``{"event": "epoch", "epoch", "epochs", "loss", "accuracy", "validation_loss",
            "validation_accuracy", "learning_rate", "seconds"}``.

    Returns:
        ``workdir``.

    Raises:
        ConfigError: an unknown architecture, or another finished model in ``workdir``.
        DataError: too little to learn from.
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
    task = choose_task(data, config.min_people)
    if task.left_out:
        report(
            {
                "event": "notice",
                "message": f"Left out, with fewer than {config.min_people} people to learn from or nobody to "
                f"validate on: {', '.join(task.left_out)}.",
            }
        )
    workdir.mkdir(parents=True, exist_ok=True)
    run = _Run(config, data, task, net, Checkpoints(workdir / _CHECKPOINTS), report)
    model = run.to_end()
    write_artifact(
        workdir,
        model,
        ArtifactInfo(
            task=config.task,
            architecture=config.architecture,
            classes=task.classes,
            input_size=net.size,
            channels=net.channels,
            seed=config.seed,
            config=config.as_dict(),
            data_hash=data.data_hash,
            left_out=task.left_out,
            training={
                "epochs": run.progress.epoch,
                "best_epoch": run.progress.best_epoch,
                "seconds": round(run.progress.seconds, 2),
                "history": run.progress.history,
            },
        ),
    )
    run.checkpoints.remove()
    return workdir


class _Run:
    """One run, from its first or its last epoch to its end."""

    def __init__(
        self,
        config: TrainConfig,
        data: PackedData,
        task: LearningTask,
        net: Any,
        checkpoints: Checkpoints,
        report: Callable[[Event], None],
    ) -> None:
        # Here, not above: TensorFlow takes seconds and hundreds of megabytes.
        import keras

        self.keras = keras
        self.config, self.data, self.task, self.net = config, data, task, net
        self.checkpoints, self.report = checkpoints, report
        self.progress = _Progress()
        self.identity = {"config": config.as_dict(), "data_hash": data.data_hash}

    def to_end(self) -> Any:
        """Train until a limit is reached; returns the best network, in float32."""
        keras = self.keras
        keras.utils.set_random_seed(self.config.seed)
        half = self.config.mixed_precision and _has_gpu()
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16" if half else "float32")
        try:
            model, best_weights = self._start()
            best = self.net.build(len(self.task.classes))
            best.set_weights(best_weights)
            while not self._over():
                self._seed(model)
                self._epoch(model)
                if self._remember(self.progress.history[-1]):
                    best.set_weights(model.layers[-1].get_weights())
                state = {**vars(self.progress), "best": list(self.progress.best), "identity": self.identity}
                self.checkpoints.save(self.progress.epoch, state, {"model": model, "best": best})
        finally:
            keras.config.set_dtype_policy(before)
        served = self.net.build(len(self.task.classes))
        served.set_weights(best.get_weights())
        return served

    def _start(self) -> tuple[Any, list[NDArray[np.float32]]]:
        """The training model, fresh or from the last checkpoint, and the best weights so far."""
        kept = self.checkpoints.latest()
        if kept is not None:
            state, place = kept
            if state.pop("identity") == self.identity:
                model = self.keras.saving.load_model(place / "model.keras")
                best = self.keras.saving.load_model(place / "best.keras").get_weights()
                self.progress = _Progress(**{**state, "best": tuple(state["best"])})
                done = self.progress.epoch
                self.report(
                    {"event": "notice", "message": f"Going on after epoch {done}, where it was stopped."}
                )
                return model, best
            self.report({"event": "notice", "message": "The checkpoint is of another run; starting anew."})
            self.checkpoints.remove()
        return self._fresh()

    def _fresh(self) -> tuple[Any, list[NDArray[np.float32]]]:
        from ml.data.augment import RandomViews

        net = self.net.build(len(self.task.classes))
        views = [RandomViews(seed=self.config.seed, name="views")] if self.config.augment else []
        inputs = self.keras.Input(net.inputs[0].shape[1:])
        model = self.keras.Sequential([inputs, *views, net], name="training")
        model.compile(
            optimizer=self.keras.optimizers.Adam(self.config.learning_rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # XLA compiles for minutes on CPU and gains nothing there.
            jit_compile=_has_gpu(),
        )
        return model, net.get_weights()

    def _seed(self, model: Any) -> None:
        """Start the dropout and the views of each epoch from its number.

        Keras does not keep the state of its random generators in a saved model, so a resumed run would draw
        what the first epoch drew.
        """
        for index, layer in enumerate([*model.layers, *model.layers[-1].layers]):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                draw = np.random.default_rng([self.config.seed, self.progress.epoch, index])
                generator.state.assign(draw.integers(0, 2**31, 2, dtype=np.uint32))

    def _over(self) -> bool:
        progress, config = self.progress, self.config
        rate = progress.history[-1]["learning_rate"] if progress.history else config.learning_rate
        too_small = rate < config.learning_rate * _LEAST_RATE_SHARE
        out_of_time = config.max_seconds is not None and progress.seconds >= config.max_seconds
        return progress.epoch >= config.epochs or out_of_time or too_small

    def _epoch(self, model: Any) -> None:
        """One pass over the training people, one look at the validation people."""
        from ml.data.batches import shuffled

        epoch, config = self.progress.epoch + 1, self.config
        order = shuffled(self.task.train, seed=config.seed, epoch=epoch)
        batches = self._batches(order, self.task.class_weights() if config.balance else None)
        began = time.monotonic()
        told = self.keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: self._batch(epoch, batch + 1, len(batches), logs["loss"])
        )
        logs = model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[told]).history
        self.progress.seconds += time.monotonic() - began
        probabilities = model.predict(self._batches(self.task.validation, None), verbose=0)
        truth = self.task.labels[self.task.validation]
        likelihood = np.clip(probabilities[np.arange(len(truth)), truth].astype(np.float64), 1e-7, 1)
        row = {
            "loss": float(logs["loss"][-1]),
            "accuracy": float(logs["accuracy"][-1]),
            "validation_loss": float(-np.log(likelihood).mean()),
            "validation_accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
            "learning_rate": float(self.keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
        }
        if not (math.isfinite(row["loss"]) and math.isfinite(row["validation_loss"])):
            raise _diverged(epoch, row["loss"])
        self.progress.epoch = epoch
        self.progress.history.append(row)
        if row["validation_loss"] < self.progress.least_loss - 1e-4:
            self.progress.least_loss, self.progress.waited = row["validation_loss"], 0
        else:
            self.progress.waited += 1
        if self.progress.waited >= config.patience:
            model.optimizer.learning_rate = row["learning_rate"] / 2
            self.progress.waited = 0
        self.report(
            {
                "event": "epoch",
                "epoch": epoch,
                "epochs": config.epochs,
                **row,
                "seconds": self.progress.seconds,
            }
        )

    def _batch(self, epoch: int, batch: int, batches: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise _diverged(epoch, loss)
        self.report({"event": "batch", "epoch": epoch, "batch": batch, "batches": batches})

    def _batches(self, indices: NDArray[np.intp], weights: NDArray[np.float32] | None) -> Any:
        from ml.data.batches import Batches

        return Batches(
            self.data,
            indices,
            self.task.labels,
            size=self.net.size,
            channels=self.net.channels,
            batch_size=self.config.batch_size,
            weights=weights,
        )

    def _remember(self, row: Mapping[str, float]) -> bool:
        """Whether this epoch is the best so far."""
        result = (row["validation_accuracy"], -row["validation_loss"])
        if result <= self.progress.best:
            return False
        self.progress.best, self.progress.best_epoch = result, self.progress.epoch
        return True


def _diverged(epoch: int, loss: float) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"The loss became {loss} in epoch {epoch}: train with a smaller --learning-rate."
    )


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
