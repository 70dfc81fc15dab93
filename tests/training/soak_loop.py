"""The loop from end to end, through the real training process, with the clock moved: what is better serves by itself,
what is not does not, and what was withdrawn is forgotten."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from collector.services import photo_withdraw
from operations.jobs import running
from operations.models import Job
from tests.training.clock import later
from tests.training.growing import looked, people_come
from training.models import DatasetItem, ModelVersion, Prediction

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.timeout(3600)]

#: Enough for three plain smileys.
EPOCHS = 10


def test_loop_promotes_what_is_better_and_forgets_what_was_withdrawn(
    private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.TRAINING_TASKS, settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = ["smiley"], 0, 60

    # Half of the people come: the first model is better than the majority class.
    people_come(36, "smile", "frown")
    later(minutes=11)
    first = looked(EPOCHS)
    assert first is not None
    assert first.model.state == ModelVersion.State.ACTIVE, first.model.judgement
    assert first.model.judgement["against"] == "the majority baseline"
    assert first.metrics["people"] >= 5
    assert not list((tmp_path / "runs").glob("*")), "packed crops outlive their run"
    page = default_storage.open(f"{first.model.artifact}/report.html").read()
    assert b"reliability" in page
    running.run(str(Job.objects.get(kind="training.repredict").pk))
    assert Prediction.objects.filter(model=first.model).count() == 72
    assert looked() is None, "nothing has come in since"

    # The others come, with a smiley that it does not know: the next one is better beyond noise.
    people_come(36, "smile", "wink")
    assert looked() is None, "they still come in"
    later(minutes=11)
    second = looked(EPOCHS)
    assert second is not None
    assert second.model.state == ModelVersion.State.ACTIVE, second.model.judgement
    assert second.model.judgement["against"] == "model smiley 1"
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
