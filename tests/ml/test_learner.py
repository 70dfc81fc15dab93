"""One step of every network as on a GPU, and what an epoch leaves in the weights."""

import keras
import numpy as np
import pytest

from ml.config import TrainConfig
from ml.data.batches import Batches
from ml.learner import Learner, transfer
from ml.nets.registry import ARCHITECTURES
from ml.tasks import choose_task
from tests.ml.conftest import shapes
from tests.ml.test_tasks import pairs, squares

DATA = {"smiley": lambda: shapes(people=10), "keypoints": squares, "unmask": pairs}
SMALL = {"size": 32, "filters": (4, 6), "kernels": (3, 3)}


def learner_of(name, **settings):
    net = ARCHITECTURES[name]
    smaller = SMALL if net.task == "unmask" else {}
    config = TrainConfig.of(net.task, name, batch_size=4, **smaller, **settings)
    task = choose_task(config, DATA[net.task]())
    shape = {part: smaller.get(part) for part in ("filters", "kernels")}
    return Learner(net.build(task.outputs, size=config.size, **shape), task, config)


@pytest.fixture
def half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("name", "augment"), [(name, False) for name in ARCHITECTURES] + [("smielfy_points", True)]
)
def test_every_network_takes_a_step_in_half_precision(name, augment, half_precision):
    """The loss is counted in full: a pixel's place in half of it would be a sixteenth of a pixel off."""
    learner = learner_of(name, augment=augment)
    (batch,) = Batches(learner.task, learner.task.train[:4], batch_size=4)[0]
    learner({key: keras.ops.convert_to_tensor(value) for key, value in batch.items()}, training=True)
    (loss,) = learner.losses
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert np.isfinite(float(loss))


def test_average_is_kept_beside_the_weights_and_not_put_in_their_place():
    """Keras would do that at the end of each fit, which is an epoch: a short one would learn next to nothing."""
    learner = learner_of("unet", augment=False, ema=0.9, learning_rate=1e-2)
    learner.fit(Batches(learner.task, learner.task.train, batch_size=2), epochs=1, verbose=0)
    apart = [
        np.abs(one - other).max()
        for one, other in zip(learner.net.get_weights(), learner.weights_to_judge(), strict=True)
    ]
    assert max(apart) > 1e-4


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_network_goes_on_from_all_layers_of_its_own_kind(name):
    """Layers are known by their names, which must not depend on what else a process has built."""
    one, other = (learner_of(name).net for _ in range(2))
    taken, total = transfer(one, other)
    assert taken == total
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
