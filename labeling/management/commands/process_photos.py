import uuid
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from collector.models import Photo
from labeling.analysis import photo_analyse
from operations.jobs.running import JobRefused
from operations.progress import Track


class Command(BaseCommand):
    help = "Find faces in all photos that no worker has seen yet. May be interrupted, and may run beside the workers."

    def handle(self, *args: Any, **options: Any) -> None:
        track = Track(_waiting(), total=Photo.objects.unprocessed().count(), unit="photos")
        unreadable = 0
        for photo_id in track:
            try:
                photo_analyse(photo_id=photo_id)
            except JobRefused as refusal:
                unreadable += 1
                self.stderr.write(f"{photo_id}: {refusal}")
        seen = Photo.objects.exclude(processed_at=None)
        faces = seen.filter(faces__is_subject=True).count()
        total = seen.count()
        share = 100 * faces / total if total else 0.0
        self.stdout.write(
            f"{track.summary()}, {unreadable:,} unreadable."
            f" {faces:,} of all {total:,} photos have a face ({share:.1f} %)."
        )


def _waiting() -> Iterator[uuid.UUID]:
    """Page by page, for an open query on SQLite forbids writing as soon as a worker has written beside it."""
    page: list[uuid.UUID] = []
    while True:
        waiting = Photo.objects.unprocessed().order_by("pk")
        after = waiting.filter(pk__gt=page[-1]) if page else waiting
        if not (page := list(after.values_list("pk", flat=True)[:500])):
            return
        yield from page
