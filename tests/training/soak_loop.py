"""The loop from end to end, through the real training process, with the clock moved: what is better serves by itself,
what is not does not, and what was withdrawn is forgotten."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from collector.services import photo_withdraw
from tests.training.clock import later
from tests.training.growing import first_round, looked, people_come
from training.models import DatasetItem, ModelVersion

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.timeout(3600)]

#: Enough for three plain smileys.
EPOCHS = 10


def test_loop_promotes_what_is_better_and_forgets_what_was_withdrawn(
    private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.TRAINING_TASKS, settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = ["smiley"], 0, 60

    first = first_round(tmp_path, EPOCHS)
    assert [trial["kind"] for trial in first.trials] == ["scratch", "by_picture"]
    assert b"people not kept apart" in default_storage.open(f"{first.model.artifact}/report.html").read()
    assert looked() is None, "nothing has come in since"

    # The others come, with a smiley that it does not know: the next one is better beyond noise.
    people_come(36, "smile", "wink")
    assert looked() is None, "they still come in"
    later(minutes=11)
    second = looked(EPOCHS)
    assert second is not None
    assert second.model.state == ModelVersion.State.ACTIVE, second.model.judgement
    assert second.model.judgement["against"] == "model smiley 1"
    assert [trial["kind"] for trial in second.trials] == ["scratch", "warm", "by_picture"]
    assert set(second.model.classes) == {"smile", "frown", "wink"}

    # Somebody takes a photo back that it learned from: it is stale, and another takes its place.
    learned = DatasetItem.objects.filter(version=second.version, split="train").first()
    assert learned is not None
    photo_withdraw(photo=learned.photo, actor="participant")
    assert looked() is None, "they may take more back at this moment"
    later(minutes=11)
    third = looked(EPOCHS)
    assert third is not None
    assert third.photos == second.photos - 1
    assert [trial["kind"] for trial in third.trials] == ["scratch", "by_picture"], "not from a stale one"
    assert third.model.state == ModelVersion.State.ACTIVE, third.model.judgement
    assert third.model.stale_since is None
    second.model.refresh_from_db()
    assert (second.model.state, bool(second.model.stale_since)) == (ModelVersion.State.RETIRED, True)

    # A poisoned batch: trained on, judged, and not promoted.
    shown = ("smile", "frown", "wink")
    people_come(60, *shown, labelled=("wink", "smile", "frown"))
    later(minutes=11)
    fourth = looked(EPOCHS)
    assert fourth is not None
    assert fourth.model.state == ModelVersion.State.CANDIDATE, fourth.model.judgement
    assert ModelVersion.objects.active("smiley") == third.model
