"""Quality flags in words: a chip for reviewers, a hint for volunteers."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class FlagWords:
    """`chip` names what was found, `unit` what its value counts; `hint` tells a volunteer what to do, if anything."""

    chip: str
    unit: str
    hint: StrOrPromise = ""


WORDS = {
    "no_face": FlagWords("no face", "", _("More light on your face, or a bit closer, helps.")),
    "several_faces": FlagWords(
        "several faces", "faces", _("There is more than one face. Be alone in the picture.")
    ),
    "too_small": FlagWords("small face", "px high", _("Your face is small in the picture. Come closer.")),
    "cut_by_border": FlagWords(
        "cut by the border", "of it outside", _("Part of your face is outside. Move to the middle.")
    ),
    "blurred": FlagWords("blurred", "sharpness", _("The picture is blurred. Hold still, and wipe the lens.")),
    "dark": FlagWords("dark", "of 255 bright", _("It is dark. Turn towards a window or a lamp.")),
    "bright": FlagWords("too bright", "of 255 bright", _("It is too bright. Step out of the direct light.")),
    "clipped": FlagWords("clipped light", "of the face", _("The light is harsh. Softer light helps.")),
    "flat": FlagWords("no contrast", "contrast", _("The picture is grey and flat. More light helps.")),
    "mouth_covered": FlagWords(
        "mouth covered", "of 11 logits", _("Your mouth is hard to see. Show all of your face.")
    ),
    "eyes_covered": FlagWords(
        "eyes covered", "of 18 logits", _("Your eyes are hard to see. Show all of your face.")
    ),
    "turned": FlagWords("turned away", "° to a side", _("Look into the camera.")),
    "nodding": FlagWords("looking up or down", "°", _("Hold the camera at the height of your eyes.")),
    "tilted": FlagWords("tilted", "°"),
    "uncertain": FlagWords("perhaps no face", "certainty"),
}


@dataclass(frozen=True)
class Chip:
    label: str
    value: float
    unit: str


def chips(flags: Mapping[str, float]) -> list[Chip]:
    """The flags of a photo or face for reviewers, with the values measured; one without words keeps its name."""
    known = {name: WORDS.get(name, FlagWords(name.replace("_", " "), "")) for name in flags}
    return [Chip(known[name].chip, value, known[name].unit) for name, value in flags.items()]


def hints(flags: Mapping[str, float]) -> list[str]:
    """What a volunteer may do better, most important first."""
    return [str(words.hint) for name, words in WORDS.items() if name in flags and words.hint]
