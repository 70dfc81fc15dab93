"""``python -m ml mask``: masks onto photos, from the command line.

``ml.cli`` adds it to its commands by :func:`add_arguments`; :func:`run` is the command.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.faces.analyse import FaceAnalyser
from ml.masks.styles import STYLES, draw_style
from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize
from ml.pictures import UnreadablePicture, read_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``mask`` on its own parser."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument(
        "--style", choices=sorted(STYLES), metavar="NAME", help=f"of {', '.join(STYLES)}; else drawn"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same pictures (default 0)")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="NAME.png and NAME.alpha.png go there"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Mask each picture's subject; 0 if all were done, 1 if some could not be."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    analyser, failed = FaceAnalyser(), False
    taken: set[str] = set()
    for index, file in enumerate(arguments.pictures):
        try:
            # Every picture draws from a stream of its own: what one needs changes nothing for the next.
            row = _mask(file, arguments, analyser, np.random.default_rng([arguments.seed, index]), taken)
        except (UnreadablePicture, DegenerateMeshError, NoRoomError) as error:
            row = {"file": file, "error": str(error)}
        failed |= "error" in row
        if arguments.json:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        elif "error" in row:
            print(f"{file}: {row['error']}", file=sys.stderr, flush=True)
        else:
            how = row["wearing"]["how"].replace("_", " ")
            print(f"{file}: {row['style']['name']}, {how} → {row['masked']}", flush=True)
    return 1 if failed else 0


def _mask(
    file: str,
    arguments: argparse.Namespace,
    analyser: FaceAnalyser,
    rng: np.random.Generator,
    taken: set[str],
) -> dict[str, Any]:
    image = read_picture(file)
    subject = analyser.analyse(image).subject
    if subject is None:
        return {"file": file, "error": "There is no face in this picture."}
    style = STYLES[arguments.style] if arguments.style else draw_style(rng)
    masked = synthesize(image, subject.mesh, style, rng)
    name = Path(file).stem
    number = 2
    while name in taken:  # two folders may hold pictures of the same name
        name, number = f"{Path(file).stem}-{number}", number + 1
    taken.add(name)
    picture, alpha = arguments.out / f"{name}.png", arguments.out / f"{name}.alpha.png"
    Image.fromarray(masked.image).save(picture)
    Image.fromarray(masked.alpha).save(alpha)
    return {"file": file, "masked": str(picture), "alpha": str(alpha), **masked.parameters}
