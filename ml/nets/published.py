"""The networks as published, kept trainable so that "ours is better" is one command.

Each function builds one network; preprocessing is part of it, so that training, serving and the browser
cannot drift apart. ``ml.nets.registry`` names them for the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

#: Of the running statistics. Not published; Keras' own 0.99 takes hundreds of steps to forget its start,
#: which is many epochs of a young collection.
MOMENTUM = 0.9


def garage_cnn(classes: int, *, size: int = 48, channels: int = 3) -> Any:
    """The smiley classifier of the first Smielfy, four convolutions over 48×48 pixels.

    Dropout 0.1 on the input; four *same*-padded convolutions of 64 filters (5×5, 5×5, 3×3, 3×3), each with
    batch normalisation, ReLU after it, and 2×2 max-pooling; dropout 0.3, dense 256 with batch normalisation
    and ReLU; dropout 0.3, dense to the classes. Source: the published Smielfy articles, with the order of
    layers that the library they were written in uses.

    Args:
        classes: how many.
        size: side of the input in pixels.
        channels: 3 for RGB, 1 for grey.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → probabilities float32 [N, classes].
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    x = layers.Dropout(0.1, name="dropout_input")(x)
    for index, kernel in enumerate((5, 5, 3, 3), start=1):
        # Batch normalisation brings its own offset: a bias before it would do nothing.
        x = layers.Conv2D(64, kernel, padding="same", use_bias=False, name=f"conv_{index}")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{index}")(x)
        x = layers.ReLU(name=f"relu_{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.3, name="dropout_dense")(x)
    x = layers.Dense(256, use_bias=False, name="dense")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="norm_dense")(x)
    x = layers.ReLU(name="relu_dense")(x)
    x = layers.Dropout(0.3, name="dropout_out")(x)
    # Always in full precision: half of it is too coarse for a softmax.
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="garage_cnn")


def conv_head(points: int = 15, *, size: int = 96, channels: int = 1) -> Any:
    """Fifteen keypoints by convolutions alone: the picture shrinks to one place of 30 numbers.

    3×3 convolutions without padding, each with ReLU: 256 and 256 with stride 2, then pairs of 128, 128, 64, 32 and
    30, batch normalisation before each pair, and a last, linear one. 1,496,226 parameters. Targets are positions
    over the side, trained by mean squared error, Adam 1e-4, batch 50, 250 epochs, no augmentation. Source: the
    published article on keypoints with a convolutional head (Kaggle's "Facial Keypoints Detection").

    Args:
        points: how many.
        size: side of the input; only 96 shrinks to one place.
        channels: 1 for grey, 3 for RGB.

    Returns:
        A keras.Model: float32 [N, 96, 96, channels] in 0…255 → positions float32 [N, points, 2] in pixels.

    Raises:
        ValueError: another size.
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for step, (filters, stride) in enumerate(
        ((256, 2), (128, 1), (128, 1), (64, 1), (32, 1), (2 * points, 1))
    ):
        if step:
            x = layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{step}")(x)
        for which in "ab":
            x = layers.Conv2D(filters, 3, strides=stride, activation="relu", name=f"conv_{step}{which}")(x)
    x = layers.Conv2D(2 * points, 3, name="head")(x)
    if x.shape[1:3] != (1, 1):
        raise ValueError(f"This network takes 96×96 pixels, not {size}×{size}.")
    return keras.Model(inputs, _positions(x, points, size), name="conv_head")


def inception_lite(points: int = 15, *, size: int = 96, channels: int = 1) -> Any:
    """Fifteen keypoints by a simplified Inception: parallel 1×1, 3×3, 5×5 and pooled branches.

    Of the published network its inputs, branches and size (about 5.6 million parameters) are known, and how it is
    trained: Adam 3e-3, batch 64, 300 epochs, the rate times 0.8 after 25 epochs without a better validation error,
    never under 1e-5, on blur with contrast, turns of ±15°, scales 0.8–1.2 and mirror images. Its widths are not to be
    found; here they are those of the first Inception (Szegedy et al., CVPR 2015, table 1) less its module 4b, without
    the auxiliary classifiers, which gives that size.

    Args:
        points: how many.
        size: side of the input in pixels.
        channels: 1 for grey, 3 for RGB.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → positions float32 [N, points, 2] in pixels.
    """
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    x = _unit(x, 64, 7, name="stem", stride=2)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = _unit(_unit(x, 64, 1, name="stem_less"), 192, 3, name="stem_3")
    for step, widths in enumerate((
        None, (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
        None, (192, 96, 208, 16, 48, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
        None, (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
    )):  # fmt: skip
        if widths is None:
            x = layers.MaxPooling2D(3, 2, padding="same")(x)
        else:
            x = _inception(x, *widths, name=f"mixed_{step}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(2 * points, dtype="float32", name="head")(x)
    return keras.Model(inputs, _positions(x, points, size), name="inception_lite")


def _unit(x: Any, filters: int, kernel: int, *, name: str, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x))


def _inception(
    x: Any, one: int, less3: int, three: int, less5: int, five: int, pooled: int, *, name: str
) -> Any:
    pool = layers.MaxPooling2D(3, 1, padding="same")(x)
    return layers.Concatenate()(
        [
            _unit(x, one, 1, name=f"{name}_1"),
            _unit(_unit(x, less3, 1, name=f"{name}_3less"), three, 3, name=f"{name}_3"),
            _unit(_unit(x, less5, 1, name=f"{name}_5less"), five, 5, name=f"{name}_5"),
            _unit(pool, pooled, 1, name=f"{name}_pool"),
        ]
    )


def _positions(x: Any, points: int, size: int) -> Any:
    """Shares of the side as pixels [N, points, 2]."""
    x = layers.Reshape((points, 2), name="shares", dtype="float32")(x)
    return layers.Rescaling(float(size), name="points", dtype="float32")(x)


def unet_resnet(
    outputs: int = 3,
    *,
    size: int = 256,
    channels: int = 3,
    filters: Sequence[int] = (64, 128, 128, 256, 256, 512),
    kernels: Sequence[int] = (7, 7, 7, 3, 3, 3),
) -> Any:
    """Mask removal by a U-Net of ResNet blocks without normalisation.

    Down: a convolution of stride 2, then two convolutions beside a short cut; what goes across is the block's input.
    Up: the skip joined, two convolutions beside a short cut, the skip joined again, a transposed convolution of stride
    2 and a convolution. Adam 1e-4, batch 12, 20 epochs. Source: STRV's "Mask2Face"
    (github.com/strvcom/strv-ml-mask2face, ``utils/architectures.py``), to the parameter; there, the L1 term of the loss
    named "SSIM + L1" is a squared error; here it is L1.

    Args:
        outputs: channels of the picture that comes out.
        size: side in pixels, divisible by 2 to the number of filters.
        channels: of the input.
        filters, kernels: of each step, from the outside in.

    Returns:
        A keras.Model: float32 [N, size, size, channels] in 0…255 → float32 [N, size, size, outputs] in 0…255.

    Raises:
        ValueError: filters and kernels that are not equally many.
    """
    steps = list(zip(filters, kernels, strict=True))
    inputs = keras.Input((size, size, channels), name="image")
    x = first = _plain(layers.Rescaling(1 / 255, name="rescale")(inputs), *steps[0], name="first")
    skips = []
    for index, (width, kernel) in enumerate(steps):
        name = f"down{index}"
        x = short = layers.Conv2D(width, kernel, strides=2, padding="same", name=name)(x)
        skips.append(short)
        x = layers.ReLU()(_plain(x, width, kernel, name=f"{name}_a"))
        x = layers.ReLU()(layers.Add()([_plain(x, width, kernel, name=f"{name}_b"), short]))
    x = layers.ReLU()(_plain(x, *steps[-1], name="bottom"))
    for index in reversed(range(len(steps))):
        name, width, (after, kernel) = f"up{index}", steps[index][0], steps[max(index - 1, 0)]
        short = x
        x = layers.ReLU()(_plain(layers.Concatenate()([x, skips[index]]), width, kernel, name=f"{name}_a"))
        x = layers.ReLU()(layers.Add()([_plain(x, width, kernel, name=f"{name}_b"), short]))
        x = layers.Concatenate()([x, skips[index]])
        x = layers.Conv2DTranspose(after, kernel, strides=2, padding="same", name=name)(x)
        x = layers.ReLU()(_plain(x, after, kernel, name=f"{name}_c"))
    x = layers.ReLU()(_plain(layers.Concatenate()([first, x]), *steps[0], name="last"))
    return keras.Model(inputs, _picture(x, outputs), name="unet_resnet")


def unet(
    outputs: int = 3,
    *,
    size: int = 256,
    channels: int = 3,
    filters: Sequence[int] = (16, 32, 64, 128, 256),
    kernels: Sequence[int] = (3, 3, 3, 3, 3),
) -> Any:
    """Mask removal by the plain U-Net of the same source: one convolution and pooling a step, and back.

    Arguments and result as for :func:`unet_resnet`.
    """
    steps = list(enumerate(zip(filters, kernels, strict=True)))
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    skips = []
    for index, (width, kernel) in steps:
        skips.append(layers.ReLU()(_plain(x, width, kernel, name=f"down{index}")))
        x = layers.MaxPooling2D(2)(skips[-1])
    x = layers.ReLU()(_plain(x, filters[-1], kernels[-1], name="bottom"))
    for index, (width, kernel) in reversed(steps):
        x = layers.ReLU()(_plain(layers.UpSampling2D(2)(x), width, kernel, name=f"up{index}"))
        x = layers.Concatenate()([x, skips[index]])
        x = layers.ReLU()(_plain(x, width, kernel, name=f"up{index}_mix"))
    x = layers.ReLU()(_plain(x, filters[0] // 2, 3, name="last"))
    return keras.Model(inputs, _picture(x, outputs), name="unet")


def _plain(x: Any, filters: int, kernel: int, *, name: str) -> Any:
    return layers.Conv2D(filters, kernel, padding="same", name=name)(x)


def _picture(x: Any, outputs: int) -> Any:
    x = layers.Conv2D(outputs, 1, activation="sigmoid", dtype="float32", name="picture")(x)
    return layers.Rescaling(255.0, dtype="float32", name="levels")(x)
