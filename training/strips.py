"""Before and after, for a model that takes masks off: drawn when somebody looks, from the photos themselves, so that no
face outlives its withdrawal."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling.models import MaskedFace
from operations.problems import Problem

from .artifacts import artifact_fetch
from .datasets import items_of
from .models import ModelVersion, Split, Task

if TYPE_CHECKING:
    from django.db.models import QuerySet

_SHOWN = 8


def strips_of(model: ModelVersion) -> "QuerySet[MaskedFace]":
    """Masked faces of the test people that are still there, the same ones each time."""
    items = items_of(model.run.version).filter(split=Split.TEST)
    faces = MaskedFace.objects.filter(face__is_subject=True, face__photo__in=items.values("photo"))
    return faces.select_related("face").order_by("pk")[:_SHOWN]


def strips_html(model: ModelVersion) -> SafeString:
    """A strip a face: with the mask, as the model imagines it without, and as it is."""
    rows = [
        (
            reverse("masked-face", args=[masked.pk, "image"]),
            reverse("model-unmasked", args=[model.pk, masked.pk]),
            reverse("face-crop", args=[masked.face_id]),
        )
        for masked in strips_of(model)
    ]
    if not rows:
        return format_html("{}", "None of the test people has a masked face any more.")
    picture = '<img src="{}" alt="{}" width="128" height="128" loading="lazy">'
    shown = (
        (
            format_html_join(
                "", picture, zip(row, ("with the mask", "as the model imagines it", "as it is"), strict=True)
            ),
        )
        for row in rows
    )
    return format_html(
        '<p class="quiet">With the mask, as the model imagines it without, and as it is: test people.</p>'
        '<div class="strips">{}</div>',
        format_html_join("", '<div class="strip">{}</div>', shown),
    )


def unmasked_picture(model: ModelVersion, masked: MaskedFace) -> bytes:
    """A masked face as the model imagines it, as PNG that says so in the picture and beside it.

    Raises Problem: not_found, when that model takes no masks off or the picture is gone.
    """
    from labeling.crops import crop_read
    from labeling.models import CROP_SIZE
    from ml.tryout import png, unmask

    from .predictions import unmasker

    if model.task != Task.UNMASK:
        raise Problem("not_found", "This model takes no masks off.", status=404)
    try:
        crop = crop_read(masked.image, CROP_SIZE)
    except FileNotFoundError:
        raise Problem("not_found", "The photo was withdrawn.", status=404) from None
    return png(unmask(unmasker(artifact_fetch(model)), crop), invented=True)
