"""The use case of taking in one picture of an import that says in which split its participant stands."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from collector.models import ImportBatch, Photo, Tombstone
from collector.services import photo_withdraw
from labeling.imports.staging import Row
from labeling.imports.taking import picture_import

from ..models import SplitAssignment


class SampleImport:
    """Takes pictures in. A newcomer is assigned to the split that the import says; whoever has one keeps it, for
    nobody ever moves, and is noted in `elsewhere`."""

    def __init__(self) -> None:
        self.elsewhere: set[uuid.UUID] = set()

    @transaction.atomic
    def __call__(self, *, batch: ImportBatch, row: Row, data: bytes, accept: bool) -> tuple[Photo, bool]:
        """As `picture_import`. Raises Problem, and then nothing is kept."""
        photo, new = picture_import(batch=batch, row=row, data=data, accept=accept)
        if new and row.split:
            assigned = SplitAssignment.objects.get_or_create(
                participant_id=photo.participant_id, defaults={"split": row.split}
            )[0]
            if assigned.split != row.split:
                self.elsewhere.add(photo.participant_id)
        return photo, new

    def warning(self) -> str:
        """A sentence about those who stand elsewhere; blank when there are none."""
        if not self.elsewhere:
            return ""
        return f"{len(self.elsewhere):,} people of it stand in another split here already, and stay there."


def tombstones_take_over(withdrawn: Iterable[tuple[uuid.UUID, datetime]]) -> int:
    """What was withdrawn where it was given is withdrawn here, and stays out of later imports. Returns how many photos
    went. Photos that volunteers gave to this site are theirs to withdraw."""
    gone = 0
    for photo_id, at in withdrawn:
        with transaction.atomic():
            photo = Photo.objects.filter(pk=photo_id).first()
            if photo is None:
                Tombstone.objects.get_or_create(photo_id=photo_id, defaults={"withdrawn_at": at})
            elif photo.import_batch_id is not None:
                photo_withdraw(photo=photo, actor="system")
                gone += 1
    return gone
