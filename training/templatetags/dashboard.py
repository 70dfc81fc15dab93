"""The dashboard as a part of admin's first page."""

from typing import Any

from django import template

from ..dashboard import dashboard_figures
from ..figures import told
from ..models import ModelVersion

register = template.Library()


@register.inclusion_tag("admin/dashboard.html")
def dashboard() -> dict[str, Any]:
    return dashboard_figures()


@register.filter
def figures(model: ModelVersion) -> str:
    return told(model.task, model.metrics)
