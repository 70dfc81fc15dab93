"""The datasheet says what a version is, and points at nobody."""

import random
import uuid
from typing import Any

import pytest

from collector.models import ImportBatch, Participant, Photo, Smiley
from collector.services import photo_withdraw
from labeling.models import Face, NearDuplicate, PatternCount
from operations.jobs import running
from operations.models import Job
from tests.collector.conftest import Browser
from training.datasets import dataset_freeze
from training.datasheets.facts import facts_of
from training.datasheets.merging import AT_LEAST, Cell, columns_merged, neighbours_merged, rows_merged
from training.datasheets.sheet import datasheet
from training.models import DatasetItem, DatasetVersion, LeftOut, Split


def cell(people: set[int]) -> Cell:
    return Cell(photos=3 * len(people), people=people)


def drawn(random: random.Random) -> Cell:
    return cell(set(random.sample(range(40), random.choice([0, 1, 3, 4, 5, 6, 20]))))


@pytest.mark.parametrize("seed", range(60))
def test_no_cell_and_no_difference_of_told_numbers_is_of_fewer_than_five(seed: int) -> None:
    """What is told is a partition of what there is: so nothing but what is told can be made of it by subtraction."""
    chance = random.Random(seed)
    rows = {f"s{i}": [drawn(chance) for _ in Split.values] for i in range(chance.randint(1, 8))}
    groups, merged = columns_merged(rows, Split.values)
    assert [name for group in groups for name in group] in (list(Split.values), [])
    told = rows_merged(merged) if groups else []
    for _, row in told:
        assert all(len(one.people) >= AT_LEAST for one in row)
    if told:
        assert sorted(name for names, _ in told for name in names) == sorted(rows)
        photos = sum(one.photos for row in rows.values() for one in row)
        assert sum(one.photos for _, row in told for one in row) == photos
    line = {name: row[0] for name, row in rows.items()}
    bins = neighbours_merged(line)
    assert all(len(one.people) >= AT_LEAST for _, one in bins)
    assert [name for names, _ in bins for name in names] in (list(line), [])


def test_one_rare_row_takes_another_with_it() -> None:
    """Alone under the name of others it would be told after all."""
    rows = {"a": [cell(set(range(30)))], "b": [cell(set(range(9)))], "rare": [cell({1, 2})]}
    told = rows_merged(rows)
    assert [names for names, _ in told] == [["a"], ["b", "rare"]]
    assert told[-1][1][0].people == set(range(9))


# --- of a version


def people_with(smileys: list[str], number: int, split: str, version: DatasetVersion, **facts: Any) -> None:
    """Rows alone: nothing here looks at a picture. They are read by their ids: the last made comes first."""
    for _ in range(number):
        somebody = Participant.objects.create()
        for slug in smileys:
            photo = Photo.objects.create(
                pk=uuid.UUID(int=1000 - Photo.objects.count()),
                participant=somebody, smiley=Smiley.objects.get(slug=slug), client_id=uuid.uuid4(), width=9, height=9,
                size=9, file=f"photos/{uuid.uuid4()}.jpg", **facts,
            )  # fmt: skip
            numbers = dict.fromkeys(("x", "y", "width", "height", "score", "pitch", "roll"), 1.0)
            Face.objects.create(
                photo=photo,
                is_subject=True,
                sharpness=0.3,
                brightness=100,
                yaw=-12,
                transform=[],
                crop="x",
                **numbers,
            )
            DatasetItem.objects.create(version=version, photo=photo, smiley=photo.smiley, split=split)


@pytest.fixture
def batch(db: None) -> ImportBatch:
    return ImportBatch.objects.create(source="A corpus", licence="CC0", legal_basis="public domain")


@pytest.fixture
def version(batch: ImportBatch) -> DatasetVersion:
    """Sixteen, six and five people make a grin; two of each side a wink."""
    version = DatasetVersion.objects.create(
        number=1, photos=0, people=0, counts={}, unchecked=0, created_by="x", sha256="5" * 64
    )
    for split, number in zip(Split.values, (14, 6, 5), strict=True):
        people_with(["grin"], number, split, version, import_batch=batch)
        people_with(["grin", "wink"], 2, split, version, import_batch=batch)
        people_with(["tongue"], 6, split, version, import_batch=batch)
    return version


def test_facts_are_counted_and_the_rare_smiley_is_merged(version: DatasetVersion) -> None:
    facts = facts_of(version.items.all())
    assert (facts["photos"], facts["people"]) == (55, 49)
    assert [split["names"] for split in facts["splits"]] == [["train"], ["validation"], ["test"]]
    assert [(row["names"], [one["photos"] for one in row["cells"]]) for row in facts["smileys"]] == [
        (["grin"], [16, 8, 7]),
        (["wink", "tongue"], [8, 8, 8]),
    ]
    (turned,) = facts["quality"]["yaw"]
    assert (turned["photos"], turned["people"], turned["names"][2]) == (55, 49, "10 to 15")
    assert facts["sources"] == [{"names": ["A corpus"], "photos": 55, "people": 49}]


def test_of_four_people_nothing_is_told(batch: ImportBatch) -> None:
    version = DatasetVersion.objects.create(number=1, photos=4, people=4, counts={}, created_by="x")
    people_with(["grin"], 4, Split.TRAIN, version, import_batch=batch)
    version.facts = facts_of(version.items.all())
    assert version.facts == {"too_few": True}
    for kind in ("html", "md"):
        page = datasheet(version, kind)
        assert "Fewer than 5 people" in page
        assert "grin" not in page.partition("Known limits")[0]


def test_datasheet_says_it_all_and_shows_no_face(version: DatasetVersion) -> None:
    PatternCount.objects.create(
        day="2026-01-01", smiley=Smiley.objects.get(slug="grin"), outcome="grin", pattern="grin:2", photos=9
    )
    version.facts = facts_of(version.items.all())
    page, text = datasheet(version, "html"), datasheet(version, "md")
    for said in (
        "A corpus",
        "CC0",
        "public domain",
        "55 photos of 49 people",
        "All of it was imported",
        "not proven to be a person",
        "5" * 64,
    ):
        assert said in page
        assert said in text
    assert page.count("<svg") >= 1
    assert "<img" not in page
    assert "http://" not in page + text
    assert "https://" not in page + text


def test_pair_is_named_to_staff_alone(version: DatasetVersion, batch: ImportBatch) -> None:
    version.facts = facts_of(version.items.all())
    copy, kept = Photo.objects.order_by("pk")[:2]
    LeftOut.objects.create(version=version, photo=copy, kept=kept, bits=2, difference=1.5)
    for kind in ("html", "md"):
        assert str(copy.pk) in datasheet(version, kind, names=True)
        assert str(copy.pk) not in datasheet(version, kind)
        assert "1 left out" in datasheet(version, kind)


def test_each_version_and_each_revision_has_one(people: list[Photo], staff: Any) -> None:
    version, _ = dataset_freeze(actor="system")
    assert version.facts["people"] == 8
    NearDuplicate.objects.all().delete()
    browser = Browser()
    browser.client.force_login(
        staff("mona", role="manager"), backend="django.contrib.auth.backends.ModelBackend"
    )
    links = "/admin/training/datasets/1/datasheet"
    assert f"{links}.html" in browser.get("/admin/training/datasetversion/1/change/").content.decode()
    for address in (links, "/api/v1/datasets/1/datasheet"):
        assert "16 photos of 8 people" in browser.get(f"{address}.html").content.decode()
        assert browser.get(f"{address}.md").content.decode().startswith("# Data set 1\n")
        assert browser.get(f"{address}.pdf").status_code == 404
    for suffix in ("jsonl", "parquet"):
        ours, theirs = (
            b"".join(browser.get(f"{place}/datasets/1/manifest.{suffix}").streaming_content)
            for place in ("/admin/training", "/api/v1")
        )
        assert ours == theirs
        assert len(ours) > 1000
    for place in ("/admin/training", "/api/v1"):
        assert browser.get(f"{place}/datasets/1/manifest.txt").status_code == 404
    photo_withdraw(photo=people[0], actor="participant")
    for job in Job.objects.filter(kind="training.revise_dataset"):
        running.run(str(job.pk))
    assert "Data set 1.r1" in browser.get(f"{links}.html").content.decode()
    assert "15 photos of 8 people" in browser.get(f"{links}.html").content.decode()
