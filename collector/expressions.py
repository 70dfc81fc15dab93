"""What the site's character does with its face for each smiley: numbers, which `drawing` makes shapes of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does. The defaults are the face at rest; lengths are in units of the picture."""

    brow_height: float = 0  # how far both brows go up
    brow_angle: float = 0  # degrees; positive lifts the inner ends (worried), negative drops them (cross)
    brow_lift: float = 0  # how much further the right brow goes up than the left (doubtful)
    lid_left: float = 1  # 0 is shut, up to 0.6 heavy, 1 at rest, above 1 the white shows
    lid_right: float = 1
    lid_bend: float = 0  # a shut eye: positive arches like ⌒, negative sags like ‿
    squeeze: float = 0  # a shut eye folded into > and <, this far
    pupil: float = 1  # size of the pupil, 1 at rest
    mouth_width: float = 17  # half of it
    mouth_curve: float = 0  # positive lifts the corners
    mouth_open: float = 0  # distance between the lips
    mouth_skew: float = 0  # how much higher the right corner is than the left
    teeth: float = 0  # the part of the open mouth that they fill, from above
    tongue: float = 0  # how far it hangs out; inside an open mouth it is drawn by itself
    pucker: float = 0  # size of pushed-out lips, drawn instead of the mouth
    seal: float = 0  # size of the cross of tape over the mouth
    tear: float = 0  # size of the drop under the left eye
    blush: float = 0.5  # 0 to 1
    tilt: float = 0  # degrees, clockwise


EXPRESSIONS: dict[str, Expression] = {
    "smile": Expression(mouth_curve=9, mouth_width=18, brow_height=1.5, blush=0.8),
    "grin": Expression(
        mouth_curve=8,
        mouth_open=21,
        mouth_width=23,
        teeth=0.36,
        lid_left=1.08,
        lid_right=1.08,
        brow_height=3,
        blush=0.8,
    ),
    "squint-laugh": Expression(
        lid_left=0,
        lid_right=0,
        squeeze=8,
        mouth_curve=8.5,
        mouth_open=25,
        mouth_width=23,
        teeth=0.26,
        brow_height=2,
        tilt=-8,
        blush=1,
    ),
    "frown": Expression(
        mouth_curve=-8, mouth_width=16, brow_angle=12, brow_height=-0.5, lid_left=0.9, lid_right=0.9, blush=0
    ),
    "tear": Expression(
        mouth_curve=-7,
        mouth_width=13,
        brow_angle=24,
        brow_height=1,
        lid_left=0.85,
        lid_right=0.85,
        tear=1,
        blush=0.6,
        tilt=4,
    ),
    "wink": Expression(
        lid_right=0,
        lid_bend=5,
        mouth_curve=8,
        mouth_width=17,
        mouth_skew=4,
        brow_lift=-4,
        brow_height=2,
        tilt=7,
        blush=0.8,
    ),
    "tongue": Expression(
        mouth_curve=6, mouth_open=5, mouth_width=20, tongue=19, brow_height=3, tilt=-6, blush=0.8
    ),
    "open-mouth": Expression(
        mouth_width=11, mouth_open=24, brow_height=5, lid_left=1.12, lid_right=1.12, blush=0.3
    ),
    "wide-eyed": Expression(lid_left=1.9, lid_right=1.9, pupil=0.72, mouth_width=9, brow_height=7, blush=0.3),
    "gasp": Expression(
        mouth_curve=-7,
        mouth_open=18,
        mouth_width=19,
        teeth=0.3,
        lid_left=1.4,
        lid_right=1.4,
        pupil=0.75,
        brow_angle=22,
        brow_height=5,
        blush=0,
    ),
    "straight-face": Expression(mouth_width=17, blush=0),
    "flat-eyes": Expression(lid_left=0.45, lid_right=0.45, mouth_width=13, brow_height=-1.5, blush=0),
    "skew-mouth": Expression(
        mouth_skew=11,
        mouth_width=16,
        mouth_curve=-1.5,
        lid_left=0.8,
        lid_right=1,
        brow_lift=7,
        brow_height=-1,
        tilt=-4,
        blush=0.2,
    ),
    "scowl": Expression(
        mouth_curve=-7,
        mouth_width=15,
        brow_angle=-24,
        brow_height=-3.5,
        lid_left=0.85,
        lid_right=0.85,
        blush=0.9,
    ),
    "scrunch": Expression(
        lid_left=0, lid_right=0, squeeze=8, mouth_width=9, brow_angle=-14, brow_height=-1, blush=0.9
    ),
    "kiss": Expression(pucker=1, lid_left=0.9, lid_right=0.9, brow_height=3, tilt=5, blush=0.9),
    "sealed": Expression(mouth_width=19, seal=9, lid_left=1.12, lid_right=1.12, brow_height=3, blush=0.7),
}
