"""Structural similarity, in keras.ops, so that it can be learnt by."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

#: As published: an 11×11 Gaussian of deviation 1.5, and the two constants for pictures in 0…1.
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def _window() -> np.ndarray[Any, np.dtype[np.float32]]:
    steps = np.arange(_WINDOW) - _WINDOW // 2
    taps = np.exp(-(steps**2) / (2 * _SIGMA**2))
    return np.asarray(taps / taps.sum(), np.float32)


def ssim_map(first: Any, second: Any) -> Any:
    """SSIM of each place where the whole window fits: [N, H − 10, W − 10, C].

    Wang et al., "Image quality assessment", IEEE TIP 2004.

    Args:
        first, second: float [N, H, W, C] in 0…1, at least 11 pixels a side.
    """
    channels = first.shape[-1]
    taps = _window()
    down = ops.convert_to_tensor(np.tile(taps.reshape(-1, 1, 1, 1), (1, 1, channels, 1)))
    across = ops.convert_to_tensor(np.tile(taps.reshape(1, -1, 1, 1), (1, 1, channels, 1)))

    def mean(x: Any) -> Any:
        return ops.depthwise_conv(ops.depthwise_conv(x, down, padding="valid"), across, padding="valid")

    mu1, mu2 = mean(first), mean(second)
    both = mu1 * mu2
    squares = mu1 * mu1 + mu2 * mu2
    spread = mean(first * first + second * second) - squares
    common = mean(first * second) - both
    return ((2 * both + _C1) * (2 * common + _C2)) / ((squares + _C1) * (spread + _C2))
