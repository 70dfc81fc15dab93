"""The smileys in the reader's language.

Titles and lines are rows that staff may edit; those the site came with are translated like any other sentence,
and stand here so that they are found. What staff write themselves is shown as they wrote it.
"""

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from .models import Smiley

DEFAULTS = (
    (gettext_noop("Smile"), gettext_noop("Lips closed, corners up.")),
    (gettext_noop("Grin"), gettext_noop("Show all your teeth.")),
    (gettext_noop("Squint laugh"), gettext_noop("Mouth wide open, eyes squeezed shut.")),
    (gettext_noop("Frown"), gettext_noop("Corners of the mouth down, as far as they go.")),
    (gettext_noop("Tear"), gettext_noop("Frown, lift the inner brows, let the lip tremble.")),
    (gettext_noop("Wink"), gettext_noop("Close one eye, smile with the rest.")),
    (gettext_noop("Tongue"), gettext_noop("Tongue out, like you mean it.")),
    (gettext_noop("Open mouth"), gettext_noop("Mouth open, round as an egg.")),
    (gettext_noop("Wide eyes"), gettext_noop("Eyes as wide as they go, mouth closed.")),
    (gettext_noop("Gasp"), gettext_noop("Mouth open with its corners down, brows up.")),
    (gettext_noop("Straight face"), gettext_noop("Nothing moves. Nothing.")),
    (gettext_noop("Flat eyes"), gettext_noop("Lids half down, mouth a line.")),
    (gettext_noop("Skew mouth"), gettext_noop("Pull your mouth to one side.")),
    (gettext_noop("Scowl"), gettext_noop("Brows down and together, corners of the mouth down.")),
    (gettext_noop("Scrunch"), gettext_noop("Squeeze everything towards your nose.")),
    (gettext_noop("Kiss"), gettext_noop("Push your lips forward.")),
    (gettext_noop("Sealed lips"), gettext_noop("Press your lips together until they vanish.")),
)


@dataclass(frozen=True, slots=True)
class ShownSmiley:
    """A smiley as a page or the API shows it."""

    slug: str
    glyph: str
    title: str
    how: str


def shown(smiley: Smiley) -> ShownSmiley:
    return ShownSmiley(smiley.slug, smiley.glyph, _translated(smiley.title), _translated(smiley.how))


def _translated(text: str) -> str:
    return gettext(text) if text else ""  # the translation of nothing is the catalogue's own header
