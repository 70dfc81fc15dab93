"""A network small enough to be trained many times in a test, with all that makes resuming hard."""

import keras
from keras import layers

FILTERS = 8


def tiny_net(classes, *, size, channels):
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(FILTERS, 5, strides=2, padding="same", use_bias=False, name="one")(x)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.ReLU()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", dtype="float32")(x))


def tiny_points(points, *, size, channels):
    from ml.nets.blocks import SoftArgmax, convolve, standardised

    inputs = keras.Input((size, size, channels), name="image")
    x = standardised(inputs)
    x = convolve(x, 12, 5, name="one", stride=2)
    x = convolve(x, 16, 5, name="two")
    return keras.Model(inputs, SoftArgmax(size, name="points")(layers.Conv2D(points, 3, padding="same")(x)))
