"""The round that looks for files whose row was never committed."""

import os
import time
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from collector.files import erase_orphans
from collector.models import Photo
from labeling.models import Face, MaskedFace


def lay(folder: Path, names: Iterable[str], *, hours: float) -> None:
    moment = time.time() - hours * 3600
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (moment, moment))


def test_round_looks_at_few_names_at_a_time_and_misses_none(private_folder: Path) -> None:
    days = [timezone.now() - timedelta(days=ago) for ago in (0, 3)]
    names = [f"photos/{day:%Y/%m/%d}/{uuid.uuid4()}.jpg" for day in days for _ in range(1100)]
    young = f"photos/{days[0]:%Y/%m/%d}/young.jpg"
    lay(private_folder, names, hours=2)
    lay(private_folder, [young], hours=0.5)
    kept, asked = set(names[::3]), []

    def known(some: list[str]) -> set[str]:
        asked.append(len(some))
        return kept & set(some)

    assert erase_orphans("photos", known) == len(names) - len(kept)
    assert max(asked) == 500
    assert sum(asked) == len(names)
    left = {str(path.relative_to(private_folder)) for path in private_folder.rglob("*.jpg")}
    assert left == kept | {young}


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a small table is read whole by PostgreSQL")
@pytest.mark.parametrize(
    ("model", "field"), [(Photo, "file"), (Face, "crop"), (MaskedFace, "image")], ids=lambda x: str(x)
)
def test_names_are_looked_up_by_an_index(model: type[Photo], field: str) -> None:
    plan = model.objects.filter(**{f"{field}__in": ["a", "b"]}).values_list(field, flat=True).explain()
    assert "INDEX" in plan, plan
    assert "SCAN" not in plan, plan
