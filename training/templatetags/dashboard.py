"""The dashboard as a part of admin's first page."""

from typing import Any

from django import template

from ..dashboard import dashboard_figures

register = template.Library()


@register.inclusion_tag("admin/dashboard.html")
def dashboard() -> dict[str, Any]:
    return dashboard_figures()
