"""When the loop trains by itself: by the clock, by what comes in, by what goes; once, and never for nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.models import Face, KeypointSet
from operations.jobs import running
from operations.models import AuditEvent, Job, Round
from tests.operations.conftest import do_round
from tests.training.clock import beat, later
from training.loop import loop_look
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.promotion import model_promote

Register = Callable[..., ModelVersion]


@pytest.fixture(autouse=True)
def quiet(settings: Any, tmp_path: Path) -> None:
    settings.TRAINING_TASKS = ["smiley"]
    settings.TRAINING_HOURS = 24
    settings.TRAINING_DECISIONS = 0
    settings.DATA_DIR = tmp_path / "data"


def runs() -> int:
    return TrainingRun.objects.count()


def train_done() -> TrainingRun:
    """The newest run ends, with the data that it was asked for."""
    run = TrainingRun.objects.order_by("-created_at").first()
    assert run is not None
    run.state, run.photos = TrainingRun.State.DONE, run.version.items.count()
    run.save()
    Job.objects.filter(kind="training.train").update(state=Job.State.DONE)
    return run


def test_two_beats_make_one_run_and_nothing_changed_makes_none(people: list[Photo]) -> None:
    assert "asked for smiley" in beat()
    assert beat() == "", "a run waits already"
    run = train_done()
    assert (run.promotes, run.architecture, run.created_by) == (True, "smielfy_faces", "loop")
    assert beat() == "", "a day has not passed"
    later(hours=25)
    assert "Nothing has changed" in beat()
    assert runs() == 1


def test_beats_at_the_same_time_ask_once(people: list[Photo]) -> None:
    for _ in range(2):
        Round.objects.all().delete()  # each believes that it is the first of the day
        loop_look()
    assert Job.objects.filter(kind="training.loop").count() == 1


def test_without_a_photo_nothing_is_trained(db: None) -> None:
    assert "No accepted photo" in beat()
    assert runs() == 0


def test_each_task_has_a_run_of_its_own(people: list[Photo], settings: Any) -> None:
    settings.TRAINING_TASKS = ["smiley", "keypoints"]
    do_round("training.loop")
    for job in Job.objects.filter(kind="training.loop"):
        running.run(str(job.pk))
    assert sorted(TrainingRun.objects.values_list("task", "architecture")) == [
        ("keypoints", "smielfy_points"),
        ("smiley", "smielfy_faces"),
    ]
    assert DatasetVersion.objects.count() == 1


def test_enough_new_decisions_begin_one_once_reviewers_pause(
    people: list[Photo], accepted: Callable[..., Photo], settings: Any
) -> None:
    settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = 0, 3
    assert beat() == "", "the last decision has just come"
    later(minutes=11)
    assert "asked for" in beat()
    train_done()
    for _ in range(2):
        accepted()
    later(minutes=11)
    assert beat() == "", "two are not three"
    accepted()
    assert beat() == ""
    later(minutes=11)
    assert "asked for" in beat()
    assert runs() == 2


def test_imported_photos_are_waited_for_until_their_faces_are_found(
    people: list[Photo], settings: Any
) -> None:
    settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = 0, 3
    later(minutes=11)
    imported = Photo.objects.filter(pk__in=[photo.pk for photo in people[:2]])
    imported.update(processed_at=None)
    assert beat() == ""
    imported.update(processed_at=timezone.now())
    assert "asked for" in beat()


def test_faces_that_are_not_found_are_not_waited_for_for_ever(people: list[Photo], settings: Any) -> None:
    settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = 0, 3
    later(minutes=11)
    Photo.objects.filter(pk=people[0].pk).update(
        processed_at=None, created_at=timezone.now() - timedelta(hours=2)
    )
    assert "asked for" in beat()


def test_keypoints_placed_by_a_human_are_worth_a_training(people: list[Photo], settings: Any) -> None:
    settings.TRAINING_TASKS = ["keypoints"]
    beat()
    train_done()
    later(hours=25)
    assert "Nothing has changed" in beat()
    face = Face.objects.get(photo=people[0])
    KeypointSet.objects.create(face=face, source="human", points=[[1, 1]] * 15, visible=[True] * 15)
    later(hours=25)
    assert "asked for" in beat()


def test_run_that_failed_is_tried_again_the_next_day(people: list[Photo]) -> None:
    beat()
    train_done()
    TrainingRun.objects.update(state=TrainingRun.State.FAILED)
    assert beat() == ""
    later(hours=25)
    assert "asked for" in beat()


@pytest.fixture
def stale(people: list[Photo], register: Register) -> ModelVersion:
    """An active model, from a photo of which it learned that was withdrawn a minute ago."""
    beat()
    run = train_done()
    model = register(run.version)
    model_promote(model=model, actor="system")
    later(minutes=30)
    photo_withdraw(photo=people[0], actor="participant")
    model.refresh_from_db()
    return model


def test_withdrawal_begins_a_training_without_what_went(stale: ModelVersion) -> None:
    assert beat() == "", "others of the same person may go at this moment"
    later(minutes=11)
    assert "asked for" in beat()
    run = TrainingRun.objects.filter(promotes=True).order_by("-created_at").first()
    assert run is not None
    assert run.version.items.count() == 15
    train_done()
    assert beat() == "", "it was tried, and the day has not passed"
    assert ModelVersion.objects.active("smiley") == stale


def test_model_that_is_stale_for_too_long_serves_no_more(stale: ModelVersion, settings: Any) -> None:
    settings.TRAINING_HOURS = 0
    later(days=6)
    do_round("training.loop")
    assert ModelVersion.objects.active("smiley") == stale
    later(days=2)
    do_round("training.loop")
    assert ModelVersion.objects.active("smiley") is None
    assert AuditEvent.objects.filter(action="model_retired", actor="loop").count() == 1


# --- round after round, with a training that takes no time


AS_TOLD = """
import json, pathlib, shutil, sys

words = sys.argv
if words[1] == "train":
    shutil.copytree(SMALL, words[words.index("--out") + 1])
    print(json.dumps({"event": "epoch", "epoch": 1}), flush=True)
else:
    low, high = json.loads(pathlib.Path(DIFFERENCE).read_text())
    row = {"difference": low, "interval": [low, high], "above_zero": 1}
    comparison = {"baseline": "majority", "people": 20, "samples": 40, "figures": {"accuracy": row}}
    facts = {"classes": ["grin", "tongue"], "accuracy": 0.5, "per_class": {}, "comparison": comparison}
    print(json.dumps({**facts, "compared_with": words[words.index("--compare") + 1:]}), flush=True)
"""


def test_only_what_is_better_serves_and_what_is_stale_is_replaced(
    people: list[Photo],
    accepted: Callable[..., Photo],
    stand_in: Callable[[str], Path],
    small_artifact: Path,
    tmp_path: Path,
) -> None:
    told = tmp_path / "difference.json"
    stand_in(AS_TOLD.replace("SMALL", repr(str(small_artifact))).replace("DIFFERENCE", repr(str(told))))

    def day_with(low: float, high: float) -> ModelVersion:
        told.write_text(f"[{low}, {high}]")
        assert "asked for" in beat()
        running.run(str(Job.objects.get(kind="training.train", state=Job.State.QUEUED).pk))
        later(hours=25)
        return ModelVersion.objects.latest("pk")

    first = day_with(0.1, 0.2)
    assert ModelVersion.objects.active("smiley") == first
    assert first.metrics["compared_with"] == []
    accepted()
    second = day_with(-0.1, 0.1)
    assert ModelVersion.objects.active("smiley") == first, "it may be luck"
    assert "Not better than model smiley 1" in second.judgement["reason"]
    assert len(second.metrics["compared_with"]) == 1
    accepted()
    third = day_with(0.1, 0.2)
    assert ModelVersion.objects.active("smiley") == third
    photo_withdraw(photo=people[0], actor="participant")
    later(minutes=11)
    fourth = day_with(-0.1, 0.1)
    assert ModelVersion.objects.active("smiley") == fourth
    third.refresh_from_db()
    assert (third.state, fourth.stale_since) == ("retired", None)
    assert Job.objects.filter(kind="training.repredict").count() == 3
