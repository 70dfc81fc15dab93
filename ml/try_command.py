"""``python -m ml try``: everything that the networks make of a picture, from the command line.

``ml.cli`` adds it to its commands by :func:`add_arguments`; :func:`run` is the command.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.config import seed
from ml.each_picture import NotDone, each_picture
from ml.faces.analyse import FaceAnalyser
from ml.masks.styles import STYLES
from ml.pictures import read_picture
from ml.predict import KeypointModel, SmileyClassifier, Unmasker
from ml.tryout import png, try_out, with_points


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``try`` on its own parser."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--smiley", metavar="DIR", help="a model for smileys")
    parser.add_argument("--keypoints", metavar="DIR", help="a model for keypoints; else the mesh places them")
    parser.add_argument("--unmask", metavar="DIR", help="a model that takes masks off")
    parser.add_argument(
        "--style", default="", choices=["", *STYLES], metavar="NAME", help="of the mask; else drawn"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the mask (default 0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="NAME.points.png and others go there")
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Try each picture; 0 if all were done, 1 if some could not be."""
    models: dict[str, Any] = {
        name: kind(place)
        for name, kind, place in (
            ("smiley", SmileyClassifier, options.smiley),
            ("keypoints", KeypointModel, options.keypoints),
            ("unmasker", Unmasker, options.unmask),
        )
        if place
    }
    analyser = FaceAnalyser()

    def look(file: str, name: str) -> dict[str, Any]:
        return _try(file, name, options, analyser, models)

    def line(row: Mapping[str, Any]) -> str:
        said = list((row["vote"] or {}).items())[:3]
        told = ", ".join(f"{name} {share:.0%}" for name, share in said) or "no smiley model"
        return f"{row['file']}: {told}; {', '.join(row['files']) or 'name --out to see the pictures'}"

    return each_picture(options, look, line)


def _try(
    file: str, name: str, options: argparse.Namespace, analyser: FaceAnalyser, models: dict[str, Any]
) -> dict[str, Any]:
    trial = try_out(read_picture(file), analyser, style=options.style, seed=options.seed, **models)
    if trial is None:
        raise NotDone("There is no face in this picture.")
    files = []
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        pictures = {
            "points": with_points(trial.crop, trial.keypoints),
            "masked": trial.masked,
            "unmasked": trial.unmasked,
        }
        for kind, picture in pictures.items():
            if picture is not None:
                place = options.out / f"{name}.{kind}.png"
                place.write_bytes(png(picture, invented=kind == "unmasked"))
                files.append(str(place))
    return {**trial.facts(), "files": files}
