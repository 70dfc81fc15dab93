"""How fast are augmented views made in batches, beside the same views made picture by picture?

    python -m bench.augment [--pictures 512] [--size 96] [--batch 64] [--imgaug PYTHON]

Ours: ``ml.data.augment``, image and keypoints together, one graph for a batch, on the CPU. Beside it two peers: imgaug
itself, where PYTHON is an interpreter that has it (it needs NumPy 1), and, as a lower bound for any code that goes
picture by picture, bare functions on OpenCV, NumPy and Pillow without augmenters, checks or seeds. All draw the same
things with the same shares: an affine and perspective view with the mirrored points swapped (which imgaug does not
do), contrast and brightness, blur, noise, JPEG, cutout. Processor time counts, one thread each, and of the rounds the
fastest, for other programs on the machine can only slow one down.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ml.landmarks import flip_points

ROUNDS = 5
Step = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def view(image: np.ndarray, points: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    side = image.shape[0]
    if random.random() < 0.5:
        image, points = np.ascontiguousarray(image[:, ::-1]), flip_points(points, side)
    half, angle = (side - 1) / 2, math.radians(random.uniform(-20, 20))
    zoom, shear = random.uniform(0.8, 1.2), random.uniform(-0.08, 0.08)
    dx, dy = random.uniform(-0.08, 0.08, 2) * side
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    middle = np.array([[1, 0, -half], [0, 1, -half], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [*(random.uniform(-0.08, 0.08, 2) / half), 1]])
    turn = np.array([[cos, sin + shear, half + dx], [-sin, cos, half + dy], [0, 0, 1]])
    matrix = turn @ tilt @ middle
    image = cv2.warpPerspective(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return image, cv2.perspectiveTransform(points[None], matrix)[0]


def tones(
    image: np.ndarray, points: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    contrast, lift = random.uniform(0.65, 1.35), random.uniform(-0.15, 0.15) * 255
    mean = image.mean()
    changed = (image.astype(np.float32) - mean) * contrast + mean + lift
    return np.clip(changed, 0, 255).astype(np.uint8), points


def cutout(
    image: np.ndarray, points: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if random.random() < 0.3:
        side = image.shape[0]
        width, height = (random.uniform(0.1, 0.35, 2) * side).astype(int)
        left, top = int(random.uniform(0, side - width)), int(random.uniform(0, side - height))
        image = image.copy()
        image[top : top + height, left : left + width] = random.integers(0, 256)
    return image, points


def blur(image: np.ndarray, points: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if random.random() < 0.2:
        image = cv2.GaussianBlur(image, (7, 7), random.uniform(0.05, 1.5))
    return image, points


def noise(
    image: np.ndarray, points: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if random.random() < 0.3:
        grain = random.normal(0, random.uniform(0, 10), image.shape[:2])
        if image.ndim == 3:
            grain = grain[..., None]  # the same for each channel, as the others draw it
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return image, points


def jpeg(image: np.ndarray, points: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if random.random() < 0.2:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(random.uniform(15, 80)))
        image = np.asarray(Image.open(file))
    return image, points


STEPS: tuple[Step, ...] = (view, tones, cutout, blur, noise, jpeg)


def one_by_one(images: np.ndarray, points: np.ndarray, random: np.random.Generator, steps: int) -> None:
    out, moved = [], []
    for image, own in zip(images, points, strict=True):
        image, own = image[..., 0] if image.shape[-1] == 1 else image, own.astype(np.float64)
        for step in STEPS[:steps]:
            image, own = step(image, own, random)
        out.append(image.reshape(images.shape[1:]))
        moved.append(own)
    # What a training step is given: one float array a batch.
    np.stack(out).astype(np.float32)
    np.stack(moved).astype(np.float32)


def per_second(work: Callable[[], object], count: int) -> float:
    work()
    fastest = math.inf
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - began)
    return count / fastest


def imgaug(options: argparse.Namespace) -> dict[str, float]:
    """Pictures/s by "channels-spoilt"."""
    command = [options.imgaug, str(Path(__file__).with_name("_imgaug.py"))]
    numbers = [str(n) for n in (options.pictures, options.size, options.batch, ROUNDS)]
    done = subprocess.run([*command, *numbers], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--imgaug", metavar="PYTHON", help="an interpreter that has imgaug 0.4")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    from ml.data.augment import Augment, Views

    # One thread each: what threads cost each other is no view's.
    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    moved = {"degrees": 20, "scale": 0.2, "shear": 0.08, "shift": 0.08, "tilt": 0.08, "flip": True,
             "contrast": 0.35, "brightness": 0.15}  # fmt: skip
    spoilt = {"cutout": 0.3, "blur": 0.2, "noise": 0.3, "jpeg": 0.2}
    random = np.random.default_rng(0)
    peers = imgaug(options) if options.imgaug else {}
    print(f"{'pictures/s of processor time':44}{'ours':>9}{'imgaug':>9}{'ratio':>7}{'bare':>9}{'ratio':>7}")
    for channels, sort in ((1, "grey"), (3, "RGB")):
        shape = (options.pictures, options.size, options.size, channels)
        images = random.integers(0, 256, shape, dtype=np.uint8)
        points = random.uniform(0, options.size, (options.pictures, 15, 2)).astype(np.float32)
        for name, views, steps in (
            ("view, contrast, brightness", Views(**moved), 2),
            ("… cutout, blur, noise, JPEG", Views(**moved, **spoilt), 6),
        ):
            layer = Augment(views, seed=0)

            @tf.function
            def augmented(image: object, own: object, layer: Augment = layer) -> object:
                return layer({"image": tf.cast(image, tf.float32), "points": own}, training=True)

            def ours(augmented: Callable[..., object] = augmented, images=images, points=points) -> None:
                for start in range(0, len(images), options.batch):
                    part = slice(start, start + options.batch)
                    augmented(tf.constant(images[part]), tf.constant(points[part]))

            def peer(images=images, points=points, steps=steps) -> None:
                one_by_one(images, points, random, steps)

            mine, theirs = per_second(ours, len(images)), per_second(peer, len(images))
            title = f"{options.size}×{options.size} {sort}, {name}"
            other = peers.get(f"{channels}-{int(steps > 2)}", math.nan)
            print(
                f"{title:44}{mine:9.0f}{other:9.0f}{mine / other:7.1f}{theirs:9.0f}{mine / theirs:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
