"""The network while it learns: views of the batch, the network, the task's loss, one Keras model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ml.config import TrainConfig
from ml.data.augment import VIEWS, Augment
from ml.nets.blocks import LabelOffset
from ml.tasks.base import Task


class Learner(keras.Model):  # type: ignore[misc]
    """Trains a network on batches as ``ml.data.batches`` makes them.

    Args:
        net: the network, picture in, answer out.
        task: says how wrong an answer is.
        config: views, mixup and optimiser.
        on_gpu: compile with XLA; on CPU that takes minutes and gains nothing.
    """

    def __init__(self, net: Any, task: Task, config: TrainConfig, *, on_gpu: bool = False) -> None:
        # A batch holds pixels' places, too: half precision begins in the network.
        super().__init__(name="learner", autocast=False)
        self.net, self.task, self.config = net, task, config
        self.views = Augment(VIEWS[config.views], seed=config.seed, name="views") if config.augment else None
        self.beside = next((layer for layer in net.layers if isinstance(layer, LabelOffset)), None)
        self.mixup = Mixup(config.mixup, seed=config.seed, name="mixup") if config.mixup else None
        self.compile(optimizer=_optimizer(config), jit_compile=on_gpu)
        # Built at once, so that a checkpoint has somewhere to be put.
        self.optimizer.build(self.net.trainable_variables)
        self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        """The network's answer; the loss is added on the way."""
        if training and self.views is not None:
            batch = self._seen(batch)
        if training and self.mixup is not None:
            batch = self.mixup(batch)
        prediction = self.net(batch["image"], training=training)
        loss = self.task.loss(prediction, batch)
        self.add_loss(ops.mean(loss * batch["weight"] if "weight" in batch else loss))
        return prediction

    def _seen(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A view of each picture, its points mirrored about where the labels are symmetric."""
        assert self.views is not None
        if self.beside is None:
            return self.views(batch, training=True)  # type: ignore[no-any-return]
        batch = self.views({**batch, "points": batch["points"] - self.beside.vector}, training=True)
        return {**batch, "points": batch["points"] + self.beside.vector}

    def reseed(self, epoch: int) -> None:
        """Start the dropout and the views of each epoch from its number.

        Keras does not keep the state of its random generators in a saved model, so a resumed run would draw
        what the first epoch drew.
        """
        for index, layer in enumerate(self._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                draw = np.random.default_rng([self.config.seed, epoch, index])
                generator.state.assign(draw.integers(0, 2**31, 2, dtype=np.uint32))

    def state(self) -> dict[str, list[np.ndarray[Any, Any]]]:
        """All that the next step depends on."""
        return {
            "net": [np.array(weight) for weight in self.net.get_weights()],
            "optimizer": [np.array(ops.convert_to_numpy(v)) for v in self.optimizer.variables],
        }

    def restore(self, state: dict[str, list[np.ndarray[Any, Any]]]) -> None:
        """Go on from :meth:`state`. Raises ValueError where it does not fit."""
        self.net.set_weights(state["net"])
        for variable, value in zip(self.optimizer.variables, state["optimizer"], strict=True):
            variable.assign(value)

    def weights_to_judge(self) -> list[np.ndarray[Any, Any]]:
        """The network's weights, or their moving average where there is one."""
        weights: list[np.ndarray[Any, Any]] = self.net.get_weights()
        if not self.config.ema:
            return weights
        optimizer: Any = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        averages = optimizer._model_variables_moving_average
        by_path = {
            variable.path: ops.convert_to_numpy(average)
            for variable, average in zip(self.net.trainable_variables, averages, strict=True)
        }
        return [
            by_path.get(variable.path, value)
            for variable, value in zip(self.net.weights, weights, strict=True)
        ]


def _optimizer(config: TrainConfig) -> Any:
    average = {"use_ema": True, "ema_momentum": config.ema} if config.ema else {}
    if config.weight_decay:
        made = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay, **average)
    else:
        made = keras.optimizers.Adam(config.learning_rate, **average)
    # At the end of each fit, which is an epoch here, Keras would put the average in the place of the weights, and the
    # next epoch would learn on from there: most of what a short one has learned would be lost.
    made.finalize_variable_values = lambda variables: None
    return made


@keras.saving.register_keras_serializable("smielfy")
class Mixup(keras.layers.Layer):  # type: ignore[misc]
    """Each picture and its shares of the classes, mixed with another's (Zhang et al., ICLR 2018).

    Args:
        alpha: of the Beta distribution that the share is drawn from.
        seed: of the drawing.
    """

    def __init__(self, alpha: float, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.alpha = alpha
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch mixed with itself backwards."""
        count = ops.shape(batch["image"])[0]
        share = keras.random.beta((count,), self.alpha, self.alpha, seed=self.seed_generator)

        def mixed(x: Any) -> Any:
            own = ops.reshape(share, (-1,) + (1,) * (len(x.shape) - 1))
            return own * x + (1 - own) * ops.flip(x, axis=0)

        return {**batch, "image": mixed(batch["image"]), "shares": mixed(batch["shares"])}


def transfer(net: Any, donor: Any) -> tuple[int, int]:
    """Take over the weights of layers that have the same name and shapes.

    Returns:
        How many layers were taken, and how many of the net's have weights.
    """
    given = {layer.name: layer for layer in _weighted(donor)}
    taken = total = 0
    for layer in _weighted(net):
        total += 1
        other = given.get(layer.name)
        if other is not None and [w.shape for w in other.weights] == [w.shape for w in layer.weights]:
            layer.set_weights(other.get_weights())
            taken += 1
    return taken, total


def _weighted(net: Any) -> Iterator[Any]:
    for layer in net.layers:
        if hasattr(layer, "layers"):
            yield from _weighted(layer)
        elif layer.weights:
            yield layer
