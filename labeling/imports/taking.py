"""The use case of taking in one picture of an import."""

import uuid

from django.db import transaction

from collector.files import atomic_with_files
from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_import
from operations.problems import Problem

from ..models import ImportedFace
from ..services import label_import
from .staging import Row


@transaction.atomic
def picture_import(*, batch: ImportBatch, row: Row, data: bytes, accept: bool) -> tuple[Photo, bool]:
    """Take in one picture, with what is known of its face, and accepted as its label where that is said. Its ids
    follow from the batch or are those it had, so that it is never there twice. Returns the photo, and whether it
    is new.

    All of it or nothing is kept. Raises Problem when the intake refuses the picture, when it was withdrawn before,
    when it has another size than its coordinates are of, or when its participant gives photos to this site.
    """
    photo_id = uuid.UUID(row.key) if row.keeps_ids else None
    if photo_id is not None and (there := Photo.objects.filter(pk=photo_id).first()):
        return there, False
    smiley = Smiley.objects.get(slug=row.smiley)
    photo, new = photo_import(
        batch=batch,
        participant=_participant(batch, row),
        smiley=smiley,
        client_id=uuid.uuid5(batch.pk, f"file {row.key}"),
        data=data,
        photo_id=photo_id,
    )
    with atomic_with_files(photo.file if new else ""):
        if row.size is not None and row.size != (photo.width, photo.height):
            (width, height), is_now = row.size, f"{photo.width} × {photo.height}"
            raise Problem(
                "import_size", f"It has {is_now} pixels, and its coordinates are for {width} × {height}."
            )
        if new and row.face is not None:
            ImportedFace.objects.create(photo=photo, **row.face)
        if accept:
            label_import(photo=photo, smiley=smiley)
    return photo, new


def _participant(batch: ImportBatch, row: Row) -> Participant:
    if not row.keeps_ids:
        return Participant.objects.get_or_create(pk=uuid.uuid5(batch.pk, f"person {row.person}"))[0]
    somebody = Participant.objects.get_or_create(pk=uuid.UUID(row.person))[0]
    if somebody.consents.exists():
        raise Problem(
            "import_volunteer",
            f"Participant {somebody.pk} gives photos to this site, by consent: nothing is imported in their name.",
        )
    return somebody
