"""Pictures for the tests of ml: small faces, and made-up data sets."""

import os
from pathlib import Path

import numpy as np
import pytest
import skimage

from ml.data.manifest import PackedData, pack


@pytest.fixture(scope="session")
def small_faces():
    """100 faces and 100 pictures of anything else, grey uint8 [200, 25, 25]; the first hundred are the faces."""
    path = Path(skimage.__file__).parent / "data" / "lfw_subset.npy"
    return np.clip(np.load(path) * 255, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def samples():
    """Where the sample photos lie; tests that ask for them carry the mark ``samples``."""
    return Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))


def shapes(people: int = 24, photos: int = 4, size: int = 48, seed: int = 0) -> PackedData:
    """Three kinds of drawn face that differ in the mouth alone, with a light of each person's own."""
    random = np.random.default_rng(seed)
    kinds = ("bar", "dot", "ring")
    y, x = np.mgrid[:size, :size] / size - 0.5
    images, labels, persons, splits = [], [], [], []
    for person in range(people):
        light = random.uniform(90, 200)
        split = ("train", "train", "train", "validation", "test")[person % 5]
        for photo in range(photos):
            kind = kinds[(person + photo) % 3]
            dx, dy = random.uniform(-0.06, 0.06, 2)
            radius = np.hypot(x - dx, y - 0.1 - dy)
            mouth = {
                "bar": (abs(y - 0.1 - dy) < 0.05) & (abs(x - dx) < 0.3),
                "dot": radius < 0.12,
                "ring": (radius > 0.16) & (radius < 0.27),
            }[kind]
            picture = np.full((size, size), light) + random.normal(0, 6, (size, size))
            picture[mouth] -= 80
            images.append(np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
            labels.append(kind)
            persons.append(f"person-{person}")
            splits.append(split)
    return pack(
        images=np.stack(images),
        labels=labels,
        persons=persons,
        splits=splits,
        ids=[f"photo-{i}" for i in range(len(labels))],
    )


@pytest.fixture(scope="session")
def drawn_faces():
    return shapes()
