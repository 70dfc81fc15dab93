"""The kinds of masks there are, their colours, and how people wear them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Colour = tuple[int, int, int]

WHITE: Colour = (238, 239, 238)
BLACK: Colour = (34, 34, 37)

FAMILIES = ("surgical", "cloth", "fold", "half-mask", "gas-mask")


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """One kind of mask; colours are sRGB under white light.

    Attributes:
        name: its name in :data:`STYLES`.
        family: its cut, one of :data:`FAMILIES`; ``fold`` is KN95 and FFP2, folded down the middle.
        base: the colour of most of it.
        second: of the pattern, the filters, or the valve.
        third: of leaves and flower centres, trimmings, details.
        strap: of the ear loops or head straps.
        pattern: a name in ``ml.masks.fabric.PATTERNS``.
        valve: with an exhalation valve (``fold`` only).
        variant: which of the drawn pieces of this kind, 0 to 3: no two have the same creases.
        low_share: the share worn under the nose, which leaves the nose free.
        slipped_share: the share slipped half-way down the bridge of the nose.
    """

    name: str
    family: str
    base: Colour
    second: Colour = WHITE
    third: Colour = WHITE
    strap: Colour = (225, 225, 223)
    pattern: str = "plain"
    valve: bool = False
    variant: int = 0
    low_share: float = 0.12
    slipped_share: float = 0.10

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"There is no cut {self.family!r}; there are {', '.join(FAMILIES)}.")
        shares = self.low_share, self.slipped_share
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("The shares of masks worn low are between 0 and 1, and no more than 1 together.")
        for colour in (self.base, self.second, self.third, self.strap):
            if len(colour) != 3 or any(not 0 <= value <= 255 for value in colour):
                raise ValueError(f"A colour is three numbers from 0 to 255, not {colour}.")

    def as_dict(self) -> dict[str, Any]:
        """The parameters, as JSON carries them."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MaskStyle:
        """The inverse of :meth:`as_dict`."""
        parts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**parts)


def _styles() -> dict[str, MaskStyle]:
    def surgical(name: str, base: Colour, **more: Any) -> MaskStyle:
        return MaskStyle(f"surgical-{name}", "surgical", base, third=(240, 240, 239), **more)

    def cloth(name: str, base: Colour, second: Colour, third: Colour = WHITE, **more: Any) -> MaskStyle:
        return MaskStyle(f"cloth-{name}", "cloth", base, second, third, **more)

    def fold(name: str, base: Colour, **more: Any) -> MaskStyle:
        more = {"second": (206, 208, 209), "third": (196, 198, 200)} | more
        return MaskStyle(name, "fold", base, **more)

    rigid: dict[str, Any] = {"low_share": 0.0, "slipped_share": 0.0}
    black = {"strap": (44, 44, 46)}
    every = [
        surgical("blue", (130, 180, 208)),
        surgical("green", (150, 198, 178)),
        surgical("white", (228, 231, 232)),
        surgical("pink", (226, 172, 186)),
        surgical("black", (43, 43, 47), **black),
        cloth("plain", (64, 84, 116), (64, 84, 116), strap=(70, 80, 100)),
        cloth("checks", (232, 228, 222), (148, 42, 48), pattern="checks"),
        cloth("tartan", (126, 34, 38), (30, 56, 48), (222, 196, 120), pattern="tartan", **black),
        cloth("stripes", (226, 224, 216), (52, 74, 110), pattern="stripes"),
        cloth("dots", (40, 48, 70), (232, 230, 224), pattern="dots", **black),
        cloth("floral", (38, 46, 62), (208, 120, 128), (96, 138, 104), pattern="flowers", **black),
        cloth("camouflage", (122, 118, 84), (70, 78, 52), (52, 46, 38), pattern="patches", **black),
        cloth("motif", (40, 40, 43), (220, 220, 216), pattern="motif", **black),
        fold("kn95", (233, 234, 233)),
        fold("kn95-valve", (233, 234, 233), valve=True),
        fold("ffp2", (236, 237, 238), strap=(236, 237, 238)),
        fold("ffp2-black", (46, 46, 50), second=(60, 60, 64), third=(70, 70, 74), **black),
        fold("ffp2-valve", (236, 238, 240), second=(120, 150, 186), third=(92, 122, 164), valve=True),
        MaskStyle(
            "half-mask", "half-mask", (98, 108, 120), (196, 66, 116), (52, 56, 62), (52, 54, 58), **rigid
        ),
        MaskStyle("gas-mask", "gas-mask", (44, 45, 47), (98, 106, 88), (66, 68, 70), (36, 36, 38), **rigid),
    ]
    return {style.name: style for style in every}


#: name → style.
STYLES: dict[str, MaskStyle] = _styles()

# How often each cut is drawn: about as they are seen in the street, with enough of the rare ones to learn from.
_SHARES = {"surgical": 0.38, "cloth": 0.27, "fold": 0.23, "half-mask": 0.07, "gas-mask": 0.05}

_CLOTH_COLOURS: tuple[Colour, ...] = (
    (46, 52, 66), (120, 44, 50), (60, 92, 84), (176, 148, 112), (98, 104, 112), (206, 188, 168), (44, 44, 47),
    (66, 98, 142), (150, 98, 118), (214, 210, 202), (108, 84, 66), (92, 112, 70), (196, 110, 74), (104, 88, 138),
)  # fmt: skip
_FILTER_COLOURS: tuple[Colour, ...] = (
    (196, 66, 116),
    (150, 152, 154),
    (206, 184, 60),
    (90, 116, 96),
    (222, 220, 216),
)
_RUBBER_COLOURS: tuple[Colour, ...] = ((98, 108, 120), (58, 62, 68), (70, 92, 118), (44, 45, 48))


def draw_style(rng: np.random.Generator) -> MaskStyle:
    """Draw a style at random: first the cut, by how often it is seen, then the kind, colours and piece."""
    family = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    kinds = [style for style in STYLES.values() if style.family == family]
    style = kinds[int(rng.integers(len(kinds)))]
    changes: dict[str, Any] = {"variant": int(rng.integers(4))}
    if family == "cloth":
        first, second, third = (_CLOTH_COLOURS[i] for i in rng.permutation(len(_CLOTH_COLOURS))[:3])
        light = sum(first) > 3 * 120
        if abs(sum(first) - sum(second)) < 200:  # too alike to be a pattern
            second = (44, 46, 54) if light else (226, 222, 212)
        changes |= {"base": first, "second": second, "third": third}
        changes["strap"] = first if rng.random() < 0.5 else ((228, 228, 226) if light else (44, 44, 46))
    elif family == "half-mask":
        changes["base"] = _RUBBER_COLOURS[int(rng.integers(len(_RUBBER_COLOURS)))]
        changes["second"] = _FILTER_COLOURS[int(rng.integers(len(_FILTER_COLOURS)))]
    style = replace(style, **changes)
    return replace(style, base=_jitter(style.base, rng), second=_jitter(style.second, rng))


def _jitter(colour: Colour, rng: np.random.Generator) -> Colour:
    """The same colour from another batch of dye."""
    factor = 1 + rng.normal(0, 0.035)
    shifted = [min(max(round(value * factor + rng.normal(0, 4)), 8), 246) for value in colour]
    return shifted[0], shifted[1], shifted[2]
