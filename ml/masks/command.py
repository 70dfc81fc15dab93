"""``python -m ml mask``: masks onto photos, from the command line.

``ml.cli`` adds it to its commands by :func:`add_arguments`; :func:`run` is the command.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.config import seed
from ml.each_picture import NotDone, each_picture
from ml.faces.analyse import FaceAnalyser
from ml.masks.styles import STYLES, draw_style
from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize
from ml.pictures import read_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``mask`` on its own parser."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument(
        "--style", choices=sorted(STYLES), metavar="NAME", help=f"of {', '.join(STYLES)}; else drawn"
    )
    parser.add_argument("--seed", type=seed, default=0, help="the same seed, the same pictures (default 0)")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="NAME.png and NAME.alpha.png go there"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Mask each picture's subject; 0 if all were done, 1 if some could not be."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    analyser, numbers = FaceAnalyser(), itertools.count()

    def look(file: str, name: str) -> dict[str, Any]:
        # Every picture draws from a stream of its own: what one needs changes nothing for the next.
        rng = np.random.default_rng([arguments.seed, next(numbers)])
        try:
            return _mask(file, name, arguments, analyser, rng)
        except (DegenerateMeshError, NoRoomError) as error:
            raise NotDone(str(error)) from error

    def line(row: Mapping[str, Any]) -> str:
        how = row["wearing"]["how"].replace("_", " ")
        return f"{row['file']}: {row['style']['name']}, {how} → {row['masked']}"

    return each_picture(arguments, look, line)


def _mask(
    file: str, name: str, arguments: argparse.Namespace, analyser: FaceAnalyser, rng: np.random.Generator
) -> dict[str, Any]:
    image = read_picture(file)
    subject = analyser.analyse(image).subject
    if subject is None:
        raise NotDone("There is no face in this picture.")
    style = STYLES[arguments.style] if arguments.style else draw_style(rng)
    masked = synthesize(image, subject.mesh, style, rng)
    picture, alpha = arguments.out / f"{name}.png", arguments.out / f"{name}.alpha.png"
    Image.fromarray(masked.image).save(picture)
    Image.fromarray(masked.alpha).save(alpha)
    return {"masked": str(picture), "alpha": str(alpha), **masked.parameters}
