"""What has changed from one version to another."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery

from .models import DatasetItem, DatasetVersion


@dataclass(frozen=True)
class Difference:
    """Photos by smiley. What was withdrawn since is in neither version any more, and so is no difference."""

    added: dict[str, int]
    removed: dict[str, int]
    relabelled: dict[tuple[str, str], int]  # from, to

    def rows(self) -> list[tuple[str, int, int, int, int]]:
        """Of each smiley that has changed: added, removed, called otherwise now, called so now."""
        away, to = Counter[str](), Counter[str]()
        for (before, after), count in self.relabelled.items():
            away[before] += count
            to[after] += count
        changed = sorted({*self.added, *self.removed, *away, *to})
        return [
            (slug, self.added.get(slug, 0), self.removed.get(slug, 0), away[slug], to[slug])
            for slug in changed
        ]


def versions_difference(older: DatasetVersion, newer: DatasetVersion) -> Difference:
    then, now = older.items.all(), newer.items.all()
    before = then.filter(photo=OuterRef("photo")).values("smiley__slug")
    moved = now.annotate(before=Subquery(before)).exclude(before=None).exclude(before=F("smiley__slug"))
    pairs = moved.values_list("before", "smiley__slug").annotate(photos=Count("pk")).order_by("before")
    return Difference(
        added=_lacking(now, then),
        removed=_lacking(then, now),
        relabelled={(before, after): count for before, after, count in pairs},
    )


def _lacking(items: "QuerySet[DatasetItem]", others: "QuerySet[DatasetItem]") -> dict[str, int]:
    """How many there are of each smiley whose photo is not among the others."""
    alone = items.exclude(Exists(others.filter(photo=OuterRef("photo"))))
    return dict(alone.values_list("smiley__slug").annotate(photos=Count("pk")).order_by("smiley__slug"))
