"""How many photos, of how many people, are accepted as each smiley. The services keep it up as they change photos,
for counting ten million photos for each prompt is not an option."""

from collections.abc import Iterable

from django.db.models import F

from .models import Smiley


def smileys_lock(ids: Iterable[int | None]) -> None:
    """Hold the counts of these smileys until the transaction ends. Call it once for all, after locking photos.

    So two photos of one person that are decided at once do not both count as a new person. Rows that only refer to
    a smiley are not held up.
    """
    wanted = [pk for pk in ids if pk is not None]
    list(Smiley.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk"))


def accepted_add(smiley_id: int, *, photos: int, people: int) -> None:
    Smiley.objects.filter(pk=smiley_id).update(
        accepted_count=F("accepted_count") + photos, accepted_people=F("accepted_people") + people
    )
