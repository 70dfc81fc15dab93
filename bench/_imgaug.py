"""The peer of ``bench.augment`` in imgaug 0.4, run by an interpreter that has it; prints pictures/s as JSON.

imgaug needs NumPy 1: it cannot be installed beside the project.
"""

import json
import math
import sys
import time

import cv2
import imgaug.augmenters as iaa
import numpy as np
from imgaug.augmentables.kps import KeypointsOnImage


def pipeline(spoilt):
    view = [
        iaa.Fliplr(0.5),
        iaa.Affine(
            scale=(0.8, 1.2),
            translate_percent=(-0.08, 0.08),
            rotate=(-20, 20),
            shear=(-5, 5),
            mode="edge",
        ),
        iaa.PerspectiveTransform(scale=(0.0, 0.08), keep_size=True, mode="replicate"),
        iaa.LinearContrast((0.65, 1.35)),
        iaa.Add((-38, 38)),
    ]
    spoil = [
        iaa.Sometimes(0.3, iaa.Cutout(nb_iterations=1, size=(0.1, 0.35), squared=False)),
        iaa.Sometimes(0.2, iaa.GaussianBlur(sigma=(0.05, 1.5))),
        iaa.Sometimes(0.3, iaa.AdditiveGaussianNoise(scale=(0, 10))),
        iaa.Sometimes(0.2, iaa.JpegCompression(compression=(20, 85))),
    ]
    return iaa.Sequential(view + (spoil if spoilt else []))


def main():
    pictures, size, batch, rounds = map(int, sys.argv[1:5])
    cv2.setNumThreads(1)  # as all do that are compared
    random = np.random.default_rng(0)
    rows = {}
    for channels in (1, 3):
        shape = (pictures, size, size, channels)
        images = random.integers(0, 256, shape, dtype=np.uint8)
        points = random.uniform(0, size, (pictures, 15, 2)).astype(np.float32)
        for spoilt in (False, True):
            augment, fastest = pipeline(spoilt), math.inf
            for _ in range(rounds + 1):
                began = time.process_time()
                for start in range(0, pictures, batch):
                    part = slice(start, start + batch)
                    keypoints = [KeypointsOnImage.from_xy_array(own, shape=shape[1:]) for own in points[part]]
                    seen, moved = augment(images=images[part], keypoints=keypoints)
                    np.asarray(seen, np.float32)
                    np.stack([own.to_xy_array() for own in moved])
                fastest = min(fastest, time.process_time() - began)
            rows[f"{channels}-{int(spoilt)}"] = pictures / fastest
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
