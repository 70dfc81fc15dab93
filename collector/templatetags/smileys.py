"""Template tags that put the drawn character and the small icons into a page."""

from typing import Protocol

from django import template
from django.utils.safestring import SafeString, mark_safe

from collector.drawing import drawing

register = template.Library()


class Drawable(Protocol):
    slug: str
    glyph: str


@register.simple_tag
def smiley_face(
    smiley: Drawable | str, size: int | None = None, title: str = "", css_class: str = ""
) -> SafeString:
    """`{% smiley_face smiley size=64 title=_("Tongue out") %}`: the drawing, inline.

    A slug does as well as a smiley, so that pages without a database can draw. Without a title the face is
    decoration.
    """
    slug, glyph = (smiley, "") if isinstance(smiley, str) else (smiley.slug, smiley.glyph)
    # drawing() escapes whatever comes from staff.
    return mark_safe(drawing(slug, glyph=glyph, title=title, size=size, css_class=css_class))  # noqa: S308
