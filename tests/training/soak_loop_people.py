"""The loop on photos of people, on the running site and by itself: what is better serves, what is poisoned does not."""

import csv
import random

import pytest

from tests.conftest import SAMPLES, running_site
from tests.training.on_site import PHOTOS, labelled_photos, models, photos_import, run_ended, told

pytestmark = [pytest.mark.samples, pytest.mark.timeout(7200)]

SECONDS = 300
#: The three that many make. Of scowls and frowns there are too few to learn, and reviewers mix them up themselves.
SMILEYS = ("smile", "straight-face", "open-mouth")


def test_loop_gets_better_by_itself_and_stays_so() -> None:
    table = [row for row in labelled_photos() if row["smiley"] in SMILEYS]
    people = sorted({row["person"] for row in table})
    random.Random(7).shuffle(people)
    early = set(people[: len(people) // 2])
    with running_site(
        TRAINING_TASKS="smiley", TRAINING_HOURS="0", TRAINING_DECISIONS="100", TRAINING_PAUSE_MINUTES="1",
        TRAINING_SECONDS=str(SECONDS), MASKS_PER_FACE="0",
    ) as site:  # fmt: skip
        photos_import(site, PHOTOS, [row for row in table if row["person"] in early], name="early")
        first = run_ended(site, 1)
        print(f"\nfirst: {told(first)}")
        assert first["model"]["state"] == "active", first["model"]["judgement"]

        photos_import(site, PHOTOS, [row for row in table if row["person"] not in early], name="late")
        second = run_ended(site, 2)
        print(f"all: {told(second)}")
        assert second["model"]["state"] == "active", second["model"]["judgement"]
        assert "beyond noise" in second["model"]["judgement"]["reason"]

        photos_import(site, SAMPLES / "selfies", poisoned(), name="poisoned")
        third = run_ended(site, 3)
        print(f"poisoned: {told(third)}")
        assert third["model"]["state"] == "candidate", third["model"]["judgement"]
        assert [model["state"] for model in models(site)] == ["retired", "active", "candidate"]


def poisoned() -> list[dict[str, str]]:
    """Close-ups, each of somebody else, with their labels shuffled."""
    with (SAMPLES / "selfies" / "labels.csv").open(newline="") as file:
        given = list(csv.DictReader(file))
    made = {"1": "smile", "0": "straight-face"}
    labels = [
        "open-mouth" if row["mouth_open"] == "1" and row["smile"] == "0" else made[row["smile"]]
        for row in given
    ]
    random.Random(7).shuffle(labels)
    return [
        {"file": row["file"], "person": row["file"], "smiley": label}
        for row, label in zip(given, labels, strict=True)
    ]
