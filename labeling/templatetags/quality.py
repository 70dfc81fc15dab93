"""How figures are written on staff's pages."""

from typing import Any

from django import template
from django.utils.html import format_html

from ..quality import Share

register = template.Library()


@register.filter
def thousands(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else ""


@register.simple_tag
def share(of: Share) -> str:
    """The percentage, and of how many, for 100 % of two means little."""
    if of.share is None:
        return "—"
    return format_html('{} <span class="quiet">of {}</span>', f"{of.share:.1%}", f"{of.reviews:,}")


@register.simple_tag
def missed(of: Share) -> str:
    return f"{1 - of.share:.1%}" if of.share is not None else ""
