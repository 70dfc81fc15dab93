"""How fast are masks drawn, and how fast does a photo file become a masked photo file?

    python -m bench.masks [--photos 200]

Masks: an aligned crop of 256×256 and its mesh → the masked crop and its alpha, on one core. Files: JPEGs of 250×250 →
detection, mesh, mask → JPEGs on the disk; beside it in the same run the bound, decoding and encoding the same files
and nothing else. The photos are made of scikit-image's astronaut, or read from ``SMIELFY_SAMPLES`` (default
``../shared/samples``) where it is there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from PIL import Image

from ml.faces.analyse import FaceAnalyser
from ml.faces.detect import detect
from ml.faces.mesh import fit_mesh
from ml.masks.styles import FAMILIES, STYLES, draw_style
from ml.masks.synthesize import synthesize
from ml.pictures import Picture, read_picture

SAMPLES = Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))
#: How often each item is measured; the fastest counts, for other programs on the machine can only slow one down.
ROUNDS = 5


def photos(folder: Path, count: int) -> list[Path]:
    """So many JPEGs of 250×250 with a face in each."""
    found = sorted((SAMPLES / "photos").glob("*.jpg"))[:count]
    if found:
        return found
    random, face = np.random.default_rng(0), skimage.data.astronaut()[20:276, 100:356]
    for index in range(count):
        side = int(random.integers(190, 250))
        scene = np.full((250, 250, 3), random.integers(40, 200, 3), np.uint8)
        left, top = random.integers(0, 250 - side + 1, 2)
        scene[top : top + side, left : left + side] = cv2.resize(face, (side, side))
        Image.fromarray(scene).save(folder / f"{index:04}.jpg", quality=92)
    return sorted(folder.glob("*.jpg"))


def per_second(work: Callable[[Any], Any], items: Sequence[Any]) -> float:
    """Items a second of processor time on one core; of each item the fastest of :data:`ROUNDS` rounds."""
    fastest = [float("inf")] * len(items)
    for _ in range(ROUNDS):
        for index, item in enumerate(items):
            began = time.process_time()
            work(item)
            fastest[index] = min(fastest[index], time.process_time() - began)
    return len(items) / sum(fastest)


def crops(files: Sequence[Path]) -> list[tuple[Picture, Any]]:
    """(aligned crop of 256×256, its mesh) of each face found."""
    analyser, found = FaceAnalyser(), []
    for file in files:
        image = read_picture(file)
        subject = analyser.analyse(image).subject
        if subject is None:
            continue
        mesh = subject.mesh.copy()
        mesh[:, :2] = subject.transform.apply(mesh[:, :2])
        mesh[:, 2] *= subject.transform.scale
        found.append((subject.crop(image), mesh))
    return found


def masked_file(file: Path, out: Path, random: np.random.Generator) -> None:
    image = read_picture(file)
    faces = detect(image)
    if faces:
        mesh = fit_mesh(image, faces[0]).points
        image = synthesize(image, mesh, draw_style(random), random).image
    Image.fromarray(image).save(out / file.name, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = photos(Path(folder), options.photos)
        out = Path(folder) / "out"
        out.mkdir()
        random = np.random.default_rng(0)
        faces = crops(files)
        drawn = [(image, mesh, draw_style(random)) for image, mesh in faces]
        for image, mesh, style in drawn:  # the templates are drawn once
            synthesize(image, mesh, style, random)

        print(f"{len(faces)} faces, processor time on one core, of each the fastest of {ROUNDS} rounds\n")
        rate = per_second(lambda item: synthesize(*item, random), drawn)
        print(f"{'masks on crops of 256×256, styles as drawn':52}{rate:7.0f} masks/s   (≥ 150)")
        for family in FAMILIES:
            style = next(style for style in STYLES.values() if style.family == family)
            part = faces[: max(len(faces) // 3, 1)]
            rate = per_second(lambda item, style=style: synthesize(*item, style, random), part)
            print(f"    {family:48}{rate:7.0f} masks/s")
        rate = per_second(lambda file: masked_file(file, out, random), files)
        print(f"\n{'photo file of 250×250 → masked photo file':52}{rate:7.0f} photos/s  (≥ 90)")
        bound = per_second(
            lambda file: Image.fromarray(read_picture(file)).save(out / file.name, quality=90), files
        )
        print(f"{'bound: the same files decoded and encoded':52}{bound:7.0f} photos/s")


if __name__ == "__main__":
    main()
