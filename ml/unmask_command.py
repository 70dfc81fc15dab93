"""``python -m ml unmask``: faces as a network imagines them without their masks, from the command line.

``ml.cli`` adds it to its commands by :func:`add_arguments`; :func:`run` is the command.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ml.each_picture import NotDone, each_picture
from ml.faces.analyse import AnalysedFace, FaceAnalyser
from ml.pictures import Picture, read_picture
from ml.predict import Unmasked, Unmasker

#: Stands in the file, because what is in the picture is nobody's face.
INVENTED = "The face under the mask was invented by a model. It is not this person."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``unmask`` on its own parser."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--model", required=True, metavar="DIR", help="of a training for unmask")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="NAME.unmasked.png goes there")
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Unmask each picture's subject; 0 if all were done, 1 if some could not be."""
    model, analyser = Unmasker(arguments.model), FaceAnalyser()
    arguments.out.mkdir(parents=True, exist_ok=True)

    def look(file: str, name: str) -> dict[str, Any]:
        return _unmask(file, arguments.out / f"{name}.unmasked.png", model, analyser)

    return each_picture(arguments, look, lambda row: f"{row['file']} → {row['unmasked']}")


def _unmask(file: str, place: Path, model: Unmasker, analyser: FaceAnalyser) -> dict[str, Any]:
    image = read_picture(file)
    subject = analyser.analyse(image).subject
    if subject is None:
        raise NotDone("There is no face in this picture.")
    (answer,) = model.predict(subject.crop(image, model.input_size)[None])
    facts = PngInfo()
    facts.add_text("Comment", INVENTED)
    Image.fromarray(put_back(image, subject, answer)).save(place, pnginfo=facts)
    return {"unmasked": str(place), "invented": True}


def put_back(image: Picture, subject: AnalysedFace, answer: Unmasked) -> Picture:
    """The photo uint8 [H, W, 3] with the invented part of its face laid over it, where the crop was cut."""
    size = answer.image.shape[0]
    back = subject.transform_for(size).inverse().matrix()
    height, width = image.shape[:2]
    share = answer.invented.astype(np.float32) / 255
    # Fades out at the crop's edge: a network that gives whole pictures must not leave a frame.
    edge = max(size // 16, 1)
    ramp = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / edge, 0, 1).astype(np.float32)
    share = share * ramp[:, None] * ramp[None]
    face = cv2.warpAffine(answer.image, back, (width, height), flags=cv2.INTER_LINEAR)
    weight = np.asarray(cv2.warpAffine(share, back, (width, height), flags=cv2.INTER_LINEAR))[..., None]
    mixed = image * (1 - weight) + np.asarray(face) * weight
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)
