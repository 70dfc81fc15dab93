"""What the page of a version shows in admin."""

import uuid
from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .datasheets.sheet import KINDS
from .manifest_download import MEDIA_TYPES
from .models import DatasetVersion
from .run_pages import table

_PAIRS_SHOWN = 50


def leaks_html(version: DatasetVersion) -> SafeString | str:
    """What was left out, for it is nearly the same as a photo on another side."""
    if version.unchecked is None:
        return "It was frozen before this was looked for."
    unchecked = (
        f" {version.unchecked:,} photos look like more others than they were compared with."
        if version.unchecked
        else ""
    )
    pairs = list(version.left_out.order_by("bits", "difference", "photo_id"))
    if not pairs:
        return f"Nothing: no photo is nearly the same as another person's on another side.{unchecked}"
    head = ("left out", "for it is nearly", "of 64 bits apart", "grey levels apart")
    rows = [
        (_photo_link(pair.photo_id), _photo_link(pair.kept_id), pair.bits, f"{pair.difference:.1f}")
        for pair in pairs[:_PAIRS_SHOWN]
    ]
    more = f" {len(pairs):,} in all." if len(pairs) > _PAIRS_SHOWN else ""
    return format_html("{}{}{}", table(head, rows), more, unchecked)


def datasheet_links(version: DatasetVersion) -> SafeString | str:
    if not version.facts:
        return "none was written"
    return _links("datasheet", version, KINDS)


def manifest_links(version: DatasetVersion) -> SafeString:
    return _links("manifest", version, MEDIA_TYPES)


def _links(name: str, version: DatasetVersion, suffixes: Iterable[str]) -> SafeString:
    links = ((reverse(f"dataset-{name}", args=[version.pk, one]), f"{name}.{one}") for one in suffixes)
    return format_html_join(", ", '<a href="{}">{}</a>', links)


def _photo_link(photo: uuid.UUID) -> SafeString:
    page = reverse("admin:collector_photo_change", args=[photo])
    return format_html('<a href="{}" title="{}">{}</a>', page, photo, str(photo)[:8])
