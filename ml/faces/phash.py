"""A 64-bit perceptual hash: pictures that look the same differ in few bits."""

from __future__ import annotations

import cv2
import numpy as np

from ml.pictures import Halves, Picture

#: Pictures whose hashes differ in more bits than this show different things: of the 1,223,830 pairs of different
#: sample photos three are this near, two of them copies; from 8 bits on chance alone gives pairs (docs/faces.md).
NEAR_BITS = 4

_SIDE = 32
_KEPT = 8


def perceptual_hash(image: Picture, *, halves: Halves | None = None) -> str:
    """The signs of the picture's lowest frequencies, as 16 hexadecimal digits.

    The DCT hash of Zauner ("Implementation and Benchmarking of Perceptual Image Hash Functions", 2010):
    shrink to 32×32 grey, transform, keep the 8×8 lowest frequencies, 1 where above their median. It survives
    other sizes and compression, not mirroring or cropping. It describes the whole picture, not the person in
    it.

    Args:
        image: RGB uint8 [H, W, 3].
        halves: of the image, where others use them, too.
    """
    # Shrunk before the colours go: nearly all of the cost is in touching every pixel once.
    small = (halves or Halves(image)).shrink(_SIDE, _SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    low = cv2.dct(grey)[:_KEPT, :_KEPT].ravel()
    # The mean brightness (the first) says nothing about what is seen: it neither votes nor moves the median.
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def hash_distance(one: str, other: str) -> int:
    """How many of the 64 bits differ. Raises ValueError where one is not 16 hexadecimal digits."""
    if len(one) != 16 or len(other) != 16:
        raise ValueError("A perceptual hash has 16 hexadecimal digits.")
    return (int(one, 16) ^ int(other, 16)).bit_count()
