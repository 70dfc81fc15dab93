"""Everything that the networks make of one picture: points, smiley, a mask put on, the mask taken off."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from ml.data.mask_sources import crop_with_mesh
from ml.faces.analyse import AnalysedFace, FaceAnalyser
from ml.geometry import Points
from ml.landmarks import KEYPOINT_NAMES
from ml.masks.styles import STYLES, draw_style
from ml.masks.synthesize import DegenerateMeshError, NoRoomError, synthesize
from ml.metrics import scaled_points
from ml.pictures import Picture
from ml.predict import KeypointModel, SmileyClassifier, Unmasker
from ml.vote import vote_on_face

#: The side of the crops that are shown.
SIZE = 256
#: Stands in the picture and in its file, because what it shows is nobody's face.
INVENTED = "Invented by a model, not this person."


@dataclass(frozen=True)
class Trial:
    """What was made of the subject of a picture.

    Attributes:
        face: what the detectors found.
        crop: uint8 [256, 256, 3], the face upright.
        keypoints: float64 [15, 2] in pixels of the crop.
        keypoints_by: "model", or "mesh" without one.
        single: class → probability on the crop alone, the likeliest first; None without a model.
        voted: class → share of the vote over 45 windows, the winner first; None without a model.
        masked: the crop with a mask on; None where none fits.
        style: of that mask.
        unmasked: the masked crop as a model imagines it bare, marked as invented; None without a model or a mask.
    """

    face: AnalysedFace
    crop: Picture
    keypoints: Points
    keypoints_by: str
    single: dict[str, float] | None
    voted: dict[str, float] | None
    masked: Picture | None
    style: str
    unmasked: Picture | None

    def facts(self) -> dict[str, Any]:
        """All but the pictures, as JSON values."""
        return {
            "box": [round(value, 2) for value in self.face.box.as_list()],
            "score": round(self.face.score, 4),
            "flags": {name: round(value, 3) for name, value in self.face.flags.items()},
            "keypoints": {
                name: [round(float(x), 2), round(float(y), 2)]
                for name, (x, y) in zip(KEYPOINT_NAMES, self.keypoints, strict=True)
            },
            "keypoints_by": self.keypoints_by,
            "single": _rounded(self.single),
            "vote": _rounded(self.voted),
            "style": self.style if self.masked is not None else None,
        }


def try_out(
    image: Picture,
    analyser: FaceAnalyser,
    *,
    smiley: SmileyClassifier | None = None,
    keypoints: KeypointModel | None = None,
    unmasker: Unmasker | None = None,
    style: str = "",
    seed: int = 0,
) -> Trial | None:
    """Look at a picture with whatever models there are; None where it shows no face.

    Args:
        image: RGB uint8 [H, W, 3].
        analyser: finds the face.
        smiley, keypoints, unmasker: what is missing is left out; keypoints then come from the mesh.
        style: one of ``ml.masks.styles.STYLES``; empty for one drawn by the seed.
        seed: of the mask.

    Raises:
        KeyError: there is no such style.
    """
    subject = analyser.analyse(image).subject
    if subject is None:
        return None
    crop, mesh = crop_with_mesh(image, subject, SIZE)
    points: Points = subject.transform_for(SIZE).apply(subject.keypoints)
    if keypoints is not None:
        size = keypoints.input_size
        found = keypoints.predict(subject.crop(image, size)[None])[0]
        points = np.asarray(scaled_points(found, size, SIZE), np.float64)
    rng = np.random.default_rng(seed)
    wanted = STYLES[style] if style else draw_style(rng)
    try:
        masked = synthesize(crop, mesh, wanted, rng).image
    except (DegenerateMeshError, NoRoomError):
        masked = None
    unmasked = None
    if unmasker is not None and masked is not None:
        unmasked = unmask(unmasker, masked)
    return Trial(
        face=subject,
        crop=crop,
        keypoints=points,
        keypoints_by="mesh" if keypoints is None else "model",
        single=smiley.predict_one(crop) if smiley is not None else None,
        voted=vote_on_face(smiley, image, subject.points6).named(smiley.classes)
        if smiley is not None
        else None,
        masked=masked,
        style=wanted.name,
        unmasked=unmasked,
    )


def unmask(unmasker: Unmasker, masked: Picture) -> Picture:
    """A masked crop as a network imagines it without the mask, with a strip that says so."""
    (answer,) = unmasker.predict(masked[None])
    return marked(answer.over(masked))


def with_points(crop: Picture, points: Points) -> Picture:
    """A crop with its keypoints drawn on."""
    drawn, fine = crop.copy(), 16
    for x, y in points:
        middle = (round(float(x) * fine), round(float(y) * fine))
        cv2.circle(drawn, middle, 4 * fine, (24, 26, 38), -1, cv2.LINE_AA, 4)
        cv2.circle(drawn, middle, round(2.6 * fine), (246, 184, 52), -1, cv2.LINE_AA, 4)
    return drawn


def marked(picture: Picture) -> Picture:
    """A picture with a strip at its foot that says that it was invented."""
    side = picture.shape[1]
    size = max(side // 20, 8)
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn, "RGBA")
    pen.rectangle((0, side - 2 * size, side, side), fill=(20, 22, 28, 200))
    pen.text((side / 2, side - size), INVENTED, font=_font(size), fill=(255, 255, 255), anchor="mm")
    return np.asarray(drawn, dtype=np.uint8)


def png(picture: Picture, *, invented: bool = False) -> bytes:
    """A picture as a file; one that was invented says so in it, too."""
    facts = PngInfo()
    if invented:
        facts.add_text("Comment", INVENTED)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", pnginfo=facts)
    return out.getvalue()


def _rounded(shares: dict[str, float] | None) -> dict[str, float] | None:
    return None if shares is None else {name: round(share, 5) for name, share in shares.items()}


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
