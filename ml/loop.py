"""One training run, from its first or its last whole epoch to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.checkpoints import Checkpoints
from ml.config import ConfigError, TrainConfig
from ml.data.packed import PackedData
from ml.nets.registry import Architecture
from ml.tasks import Task

Event = Mapping[str, Any]

_BYTES_AT_ONCE = 64 << 20  # of float32 pictures that are judged together


class TrainingDivergedError(RuntimeError):
    """The loss became infinite or not a number."""


@dataclass
class Progress:
    """What a run remembers from epoch to epoch; kept in the checkpoint.

    Attributes:
        epoch, best_epoch: done so far, and the one whose network is kept.
        seconds, cpu_seconds: of training alone, by the clock and of the process.
        best: that epoch's result, see ``Task.result``.
        least_loss, waited: for the plateau schedule: the least of the figure that it watches, and epochs since.
        batch_size: the config's, or half of it after memory ran out.
        history: one row an epoch.
    """

    batch_size: int
    epoch: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    best: tuple[float, float] = (-math.inf, -math.inf)
    least_loss: float = math.inf
    waited: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Run:
    """See ``ml.train.train`` for what it promises."""

    def __init__(
        self,
        config: TrainConfig,
        data: PackedData,
        task: Task,
        net: Architecture,
        checkpoints: Checkpoints,
        report: Callable[[Event], None],
        *,
        on_epoch: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        # Here, not above: TensorFlow takes seconds and hundreds of megabytes.
        import keras

        self.keras = keras
        self.config, self.data, self.task, self.net = config, data, task, net
        self.checkpoints, self.report, self.on_epoch = checkpoints, report, on_epoch
        self.progress = Progress(batch_size=config.batch_size)
        self.on_gpu = config.mixed_precision and has_gpu()

    def build(self) -> Any:
        """The untrained network."""
        config = self.config
        return self.net.build(
            self.task.outputs, size=config.size, filters=config.filters, kernels=config.kernels
        )

    def to_end(self) -> Any:
        """Train until a limit is reached; returns the best network, in float32."""
        keras = self.keras
        keras.utils.set_random_seed(self.config.seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16" if self.on_gpu else "float32")
        try:
            learner, best = self._start()
            judged = self.build()
            while not self._over():
                learner.reseed(self.progress.epoch)
                row = self._epoch(learner, judged)
                if self._remember(row):
                    best = judged.get_weights()
                state = {**asdict(self.progress), "identity": self._identity(judged)}
                self.checkpoints.save(self.progress.epoch, state, {**learner.state(), "best": best})
                self._report_last()
                self.on_epoch(self.progress)
        finally:
            keras.config.set_dtype_policy(before)
        served = self.build()
        served.set_weights(best)
        return served

    def _start(self) -> tuple[Any, list[NDArray[Any]]]:
        """The learner, fresh or from the last checkpoint, and the best weights so far."""
        from ml.learner import Learner

        net = self.build()
        learner = Learner(net, self.task, self.config, on_gpu=self.on_gpu)
        kept = self.checkpoints.latest()
        if kept is not None:
            state, arrays = kept
            if state.pop("identity", None) == self._identity(net):
                best = arrays.pop("best")
                learner.restore(arrays)
                self.progress = Progress(**{**state, "best": tuple(state["best"])})
                self._notice(f"Going on after epoch {self.progress.epoch}, where it was stopped.")
                self._report_last()  # once more: it may have been stopped before that was said
                return learner, best
            self._notice("The checkpoint is of another run or of another network; starting anew.")
            self.checkpoints.remove()
        if self.config.warm_start:
            self._warm(net, Path(self.config.warm_start))
        return learner, net.get_weights()

    def _identity(self, net: Any) -> dict[str, Any]:
        """What a checkpoint has to be of, as JSON values. Renewed in between, the program may build another network."""
        shapes = [list(weight.shape) for weight in net.weights]
        return {"config": self.config.as_dict(), "data_hash": self.data.data_hash, "shapes": shapes}

    def _warm(self, net: Any, place: Path) -> None:
        from ml.artifacts import load_keras
        from ml.learner import transfer

        taken, total = transfer(net, load_keras(place))
        if not taken:
            raise ConfigError(
                f"No layer of {place} fits this network: start from another model, or from none."
            )
        self._notice(f"Starting from {place}: {taken} of {total} layers fit and are taken over.")

    def _notice(self, message: str) -> None:
        self.report({"event": "notice", "message": message})

    @property
    def _spent(self) -> float:
        """Seconds of training, by the config's clock."""
        return self.progress.cpu_seconds if self.config.clock == "cpu" else self.progress.seconds

    def _over(self) -> bool:
        progress, config = self.progress, self.config
        out_of_time = config.max_seconds is not None and self._spent >= config.max_seconds
        no_better = progress.epoch - progress.best_epoch >= config.stop_patience
        return progress.epoch >= config.epochs or out_of_time or no_better

    def _epoch(self, learner: Any, judged: Any) -> dict[str, float]:
        """One pass over the training people, one look at the validation people."""
        epoch = self.progress.epoch + 1
        began, busy = time.monotonic(), time.process_time()
        loss = self._fit_within_memory(learner, epoch)
        self.progress.seconds += time.monotonic() - began
        self.progress.cpu_seconds += time.process_time() - busy
        judged.set_weights(learner.weights_to_judge())
        row = {"loss": loss, **self._validate(judged)}
        row["learning_rate"] = float(self.keras.ops.convert_to_numpy(learner.optimizer.learning_rate))
        if not all(math.isfinite(value) for value in row.values()):
            raise _diverged(epoch, row["loss"])
        row["seconds"] = round(self.progress.seconds, 3)
        row["cpu_seconds"] = round(self.progress.cpu_seconds, 3)
        self.progress.epoch = epoch
        self.progress.history.append(row)
        self._slow_down(learner, row)
        return row

    def _report_last(self) -> None:
        """Say what the last epoch has brought. After its checkpoint: what was said is not learnt again."""
        told = {"epoch": self.progress.epoch, "epochs": self.config.epochs, **self.progress.history[-1]}
        self.report({"event": "epoch", **told})

    def _fit_within_memory(self, learner: Any, epoch: int) -> float:
        """Fit one epoch; where the memory does not hold a batch, once more with half of it."""
        import tensorflow as tf

        before, out_of_memory = learner.state(), (tf.errors.ResourceExhaustedError, MemoryError)
        try:
            return self._fit(learner, epoch)
        except out_of_memory as error:
            if self.progress.batch_size < self.config.batch_size or self.progress.batch_size == 1:
                raise self._too_large() from error
            self.progress.batch_size //= 2
            self._notice(
                f"The memory does not hold {self.config.batch_size} pictures a step; going on with "
                f"{self.progress.batch_size}."
            )
            learner.restore(before)
            learner.reseed(self.progress.epoch)
        try:
            return self._fit(learner, epoch)
        except out_of_memory as error:
            raise self._too_large() from error

    def _too_large(self) -> ConfigError:
        return ConfigError(
            f"The memory does not hold {self.progress.batch_size} pictures a step either: train with a smaller "
            "--batch-size or --size."
        )

    def _fit(self, learner: Any, epoch: int) -> float:
        from ml.data.batches import Batches, shuffled

        order = shuffled(self.task.train, seed=self.config.seed, epoch=epoch)
        batches = Batches(self.task, order, batch_size=self.progress.batch_size)
        clock = time.process_time if self.config.clock == "cpu" else time.monotonic
        began = clock()

        def before_step(batch: int, logs: object = None) -> None:
            if self.config.schedule == "cosine":
                learner.optimizer.learning_rate = self._cosine(
                    (epoch - 1 + batch / len(batches)) / self.config.epochs, clock() - began
                )

        def after_step(batch: int, logs: Mapping[str, float]) -> None:
            if not math.isfinite(logs["loss"]):
                raise _diverged(epoch, logs["loss"])
            self.report({"event": "batch", "epoch": epoch, "batch": batch + 1, "batches": len(batches)})

        told = self.keras.callbacks.LambdaCallback(
            on_train_batch_begin=before_step, on_train_batch_end=after_step
        )
        logs = learner.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[told]).history
        return float(logs["loss"][-1])

    def _validate(self, judged: Any) -> dict[str, float]:
        from ml.data.batches import Batches

        # Answers may be pictures: of all validation people at once they would fill the memory.
        chosen, at_once = self.task.validation, max(_BYTES_AT_ONCE // (12 * self.task.size**2), 1)
        rows = []
        for start in range(0, len(chosen), at_once):
            some = chosen[start : start + at_once]
            batches = Batches(self.task, some, batch_size=self.progress.batch_size, bare=True)
            rows.append(self.task.rows(judged.predict(batches, verbose=0), some))
        return self.task.figures(np.concatenate(rows))

    def _cosine(self, share: float, elapsed: float) -> float:
        """From the full rate to nothing; the end is where epochs or seconds end, whichever is first."""
        config = self.config
        if config.max_seconds is not None:
            share = max(share, (self._spent + elapsed) / config.max_seconds)
        sunk = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        return max(config.learning_rate * sunk, config.least_rate, 1e-7)

    def _slow_down(self, learner: Any, row: Mapping[str, float]) -> None:
        """The plateau schedule."""
        progress, config = self.progress, self.config
        now = row[self.task.plateau]
        if now < progress.least_loss - 1e-4:
            progress.least_loss, progress.waited = now, 0
        else:
            progress.waited += 1
        if config.schedule == "plateau" and progress.waited >= config.patience:
            learner.optimizer.learning_rate = max(
                row["learning_rate"] * config.plateau_factor, config.least_rate
            )
            progress.waited = 0

    def _remember(self, row: Mapping[str, float]) -> bool:
        """Whether this epoch is the best so far."""
        result = self.task.result(dict(row))
        if result <= self.progress.best:
            return False
        self.progress.best, self.progress.best_epoch = result, self.progress.epoch
        return True


def _diverged(epoch: int, loss: float) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"The loss became {loss} in epoch {epoch}: train with a smaller --learning-rate."
    )


def has_gpu() -> bool:
    """Whether TensorFlow sees one. Imports it."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
