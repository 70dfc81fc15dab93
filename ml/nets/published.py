"""The networks as published, kept trainable so that "ours is better" is one command.

Each function builds one network; preprocessing is part of it, so that training, serving and the browser
cannot drift apart. ``ml.nets.registry`` names them for the command line.
"""

from __future__ import annotations

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
