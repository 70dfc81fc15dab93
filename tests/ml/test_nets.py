"""The published networks are as published, and what ours are built of computes what it says."""

import numpy as np
import pytest

from ml.landmarks import FLIP_PERMUTATION, flip_points
from ml.nets.registry import ARCHITECTURES, architecture

OUTPUTS = {"smiley": 7, "keypoints": 15, "unmask": 3}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("conv_head", 1_496_226),
        ("inception_lite", 5_568_766),
        # As the published code's own function counts them.
        ("unet_resnet", 53_586_243),
        ("unet", 3_537_699),
    ],
)
def test_published_networks_have_the_published_size(name, parameters):
    net = ARCHITECTURES[name].build(OUTPUTS[ARCHITECTURES[name].task])
    assert net.count_params() == parameters


@pytest.mark.parametrize("name", [n for n, a in ARCHITECTURES.items() if a.task == "keypoints"])
def test_keypoints_come_out_in_pixels(name):
    net = ARCHITECTURES[name].build(15)
    assert net.input_shape == (None, 96, 96, 1)
    found = np.asarray(net(np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 1)).astype(np.float32)))
    assert found.shape == (2, 15, 2)
    assert found.dtype == np.float32


def test_the_convolutional_head_shrinks_to_one_place_and_refuses_other_sizes():
    net = ARCHITECTURES["conv_head"].build(15)
    assert net.get_layer("head").output.shape == (None, 1, 1, 30)
    strides = [layer.strides for layer in net.layers if type(layer).__name__ == "Conv2D"]
    assert strides == [(2, 2), (2, 2)] + [(1, 1)] * 11
    with pytest.raises(ValueError, match="96×96"):
        ARCHITECTURES["conv_head"].build(15, size=128)


@pytest.mark.parametrize("name", [n for n, a in ARCHITECTURES.items() if a.task == "unmask"])
def test_u_nets_give_pictures_and_take_filters_and_kernels(name):
    net = architecture(name, "unmask").build(3, size=32, filters=(4, 6, 8), kernels=(5, 3, 3))
    picture = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    found = np.asarray(net(picture))
    assert found.shape[:3] == (2, 32, 32)
    assert found.shape[3] in (3, 4)
    assert found.min() >= 0
    assert found.max() <= 255.01
    wider = architecture(name, "unmask").build(3, size=32, filters=(4, 6, 16), kernels=(5, 3, 3))
    assert wider.count_params() > net.count_params()


def test_soft_argmax_finds_peaks_to_less_than_a_cell():
    from ml.nets.blocks import SoftArgmax

    maps = np.full((1, 24, 24, 2), -30.0, np.float32)
    maps[0, 5, 7, 0] = 30
    maps[0, 3, 10, 1] = maps[0, 3, 11, 1] = 30
    found = np.asarray(SoftArgmax(96, margin=0)(maps))[0]
    cell = 95 / 23
    assert found[0] == pytest.approx([7 * cell, 5 * cell], abs=1e-3)
    assert found[1] == pytest.approx([10.5 * cell, 3 * cell], abs=1e-3)
    middle = np.asarray(SoftArgmax(96)(np.zeros((1, 24, 24, 1), np.float32)))
    assert middle.ravel() == pytest.approx([47.5, 47.5], abs=1e-3)


def test_the_mirrored_average_does_not_care_which_way_a_face_looks():
    import keras

    from ml.nets.mirrored import averaged_with_mirror

    inputs = keras.Input((16, 16, 1))
    dense = keras.layers.Dense(30, bias_initializer="random_normal")(keras.layers.Flatten()(inputs))
    net = keras.Model(inputs, keras.layers.Reshape((15, 2))(dense))
    both = averaged_with_mirror(net, "keypoints")
    picture = np.random.default_rng(1).uniform(0, 1, (3, 16, 16, 1)).astype(np.float32)
    found, mirrored = np.asarray(both(picture)), np.asarray(both(picture[:, :, ::-1]))
    assert flip_points(mirrored, 16) == pytest.approx(found, abs=1e-4)
    assert not np.allclose(found, np.asarray(net(picture)), atol=1e-2)
    assert sorted(FLIP_PERMUTATION) == list(range(15))


def test_labels_that_lie_beside_the_picture_are_learnt_from_mirror_images_too():
    """The network sees where the square is; only the offset of its labels is left to learn, missing points or not."""
    import keras
    from keras import ops

    from ml.config import TrainConfig
    from ml.data.augment import VIEWS, Views
    from ml.learner import Learner
    from ml.nets.blocks import LabelOffset, SoftArgmax
    from ml.nets.mirrored import averaged_with_mirror
    from ml.tasks import choose_task
    from tests.ml.test_tasks import squares

    data = squares()
    inputs = keras.Input((24, 24, 1))
    middle = SoftArgmax(24, margin=0)(ops.repeat(inputs - 100.0, 15, axis=-1))
    net = keras.Model(inputs, LabelOffset()(middle))
    images = np.asarray(data.images[:16], np.float32)
    truth = np.asarray(net(images))
    points = truth + np.array([3, 0], np.float32)
    points[:, 2] = np.nan
    VIEWS["mirrored"] = Views(flip=True, degrees=5)
    try:
        config = TrainConfig.of("keypoints", views="mirrored", learning_rate=0.1)
        learner = Learner(net, choose_task(config, data), config)
    finally:
        del VIEWS["mirrored"]
    batch = {"image": images, "points": points}
    for _ in range(120):
        learner.train_on_batch(batch)
    assert float(net.layers[-1].offset[0]) == pytest.approx(3, abs=0.2)
    served = np.asarray(averaged_with_mirror(net, "keypoints")(images))
    assert served == pytest.approx(np.asarray(net(images)), abs=1e-3)
