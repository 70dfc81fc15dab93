"""Every mask on faces of different pose, as pictures to look at: `python -m bench.mask_sheet --out FOLDER`.

It measures nothing. One picture a cut, a row a style, a column a face; faces are chosen by their turn from the samples
(``SMIELFY_SAMPLES``), or are the astronaut's, turned. The pictures show real people: they are for looking at, and for
nobody's repository.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from PIL import Image

from ml.faces.analyse import AnalysedFace, FaceAnalyser
from ml.faces.crop import warp
from ml.masks.styles import FAMILIES, STYLES
from ml.masks.synthesize import NoRoomError, synthesize
from ml.pictures import Picture, read_picture

SAMPLES = Path(os.environ.get("SMIELFY_SAMPLES", "../shared/samples"))
#: Yaw and pitch in degrees that faces are looked for at.
POSES = (
    (-40, 0),
    (-30, 0),
    (-20, -10),
    (-12, 5),
    (-5, 0),
    (0, 0),
    (0, 15),
    (0, -15),
    (8, 0),
    (18, 5),
    (30, 0),
    (40, 0),
)


def faces(seed: int) -> list[tuple[Picture, AnalysedFace]]:
    """(photo, its subject) for each pose, the nearest of a thousand photos."""
    analyser, found = FaceAnalyser(), []
    files = [*(SAMPLES / "photos").glob("*.jpg"), *(SAMPLES / "selfies").glob("*.jpg")]
    files = sorted(files) or [Path()]
    rng = np.random.default_rng(seed)
    for file in rng.permutation(np.array(files, dtype=object))[:1000]:
        image = read_picture(file) if file.is_file() else skimage.data.astronaut()
        subject = analyser.analyse(image).subject
        if subject is None or {"blurred", "too_small"} & set(subject.flags):
            continue
        if not file.is_file() or _has_room(image, subject):
            found.append((image, subject))
    chosen: list[int] = []
    for yaw, pitch in POSES:
        away = [abs(face.pose.yaw - yaw) + abs(face.pose.pitch - pitch) for _, face in found]
        free = [index for index in np.argsort(away) if index not in chosen]
        chosen.append(int((free or [0])[0]))
    return [found[index] for index in chosen]


def _has_room(image: Picture, face: AnalysedFace) -> bool:
    """Whether what a mask sits among is in the picture: hair, ears, collar."""
    height, width = image.shape[:2]
    box = face.box
    beside, above, below = 0.3 * box.w, 0.35 * box.h, 0.3 * box.h
    return (
        box.x > beside and box.x + box.w + beside < width and box.y > above and box.y + box.h + below < height
    )


def cell(image: Picture, face: AnalysedFace, side: int) -> Picture:
    """The head with its surroundings, for where a mask goes is seen by what is around it."""
    zoom = 0.72  # of the aligned crop's scale
    wide = face.transform_for(side)
    middle = (side - 1) / 2
    wide = type(wide)(
        wide.a * zoom, wide.b * zoom, middle + zoom * (wide.tx - middle), middle + zoom * (wide.ty - middle)
    )
    return warp(image, wide, side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="other faces, and masks worn otherwise")
    parser.add_argument("--styles", nargs="+", default=list(STYLES), choices=list(STYLES), metavar="NAME")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    people = faces(options.seed)
    for family in FAMILIES:
        rows = []
        for index, name in enumerate(style for style in options.styles if STYLES[style].family == family):
            row = []
            for number, (image, face) in enumerate(people):
                rng = np.random.default_rng([options.seed, index, number])
                try:
                    masked = synthesize(image, face.mesh, STYLES[name], rng).image
                except NoRoomError:
                    masked = image
                row.append(cell(masked, face, options.side))
            rows.append(np.hstack(row))
            print(f"{family}: {name}", flush=True)
        if rows:
            Image.fromarray(np.vstack(rows)).save(options.out / f"{family}.jpg", quality=92)


if __name__ == "__main__":
    main()
