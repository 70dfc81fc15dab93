"""When the loop trains by itself: by the clock, by what comes in, by what goes; once, and never for nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.models import Decision, Face, KeypointSet
from operations.jobs import running
from operations.models import AuditEvent, Job, Round
from tests.operations.conftest import do_round
from tests.training.clock import beat, later
from tests.training.planted import work
from training import loop
from training.datasets import freeze_request
from training.loop import loop_look
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import model_register

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
    """The loop's newest run ends, with the data that it was asked for."""
    run = TrainingRun.objects.filter(promotes=True).order_by("-created_at").first()
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


# --- what a look found worth nothing


@pytest.fixture
def rejected(seen_photo: Callable[..., Photo]) -> Callable[[int], None]:
    """So many more photos are rejected."""

    def reject(count: int) -> None:
        for _ in range(count):
            Decision.objects.create(photo=seen_photo(), outcome=Decision.Outcome.REJECTED)

    return reject


def test_rejections_alone_are_looked_at_once(rejected: Callable[[int], None], settings: Any) -> None:
    settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = 0, 3
    for count in (3, 2, 1):
        rejected(count)
        later(minutes=11)
        assert ("No accepted photo" in beat()) == (count != 2), "three more since it was looked at last"
        assert beat() == ""


def test_run_that_failed_is_not_tried_again_at_each_beat(
    people: list[Photo], rejected: Callable[[int], None], settings: Any
) -> None:
    settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = 0, 3
    later(minutes=11)
    for number in (1, 2):
        assert "asked for" in beat()
        train_done()
        TrainingRun.objects.update(state=TrainingRun.State.FAILED)
        assert (beat(), runs()) == ("", number)
        rejected(3)
        later(minutes=11)


def test_run_that_began_anew_without_what_was_withdrawn_is_enough(
    people: list[Photo], register: Register
) -> None:
    beat()
    run = TrainingRun.objects.get()
    model_promote(model=register(run.version), actor="system")
    photo_withdraw(photo=people[0], actor="participant")
    work("training.revise_dataset")
    train_done()
    later(minutes=11)
    assert "Nothing has changed" in beat()
    assert beat() == "", "the stale model serves on, and that was looked at"


# --- somebody else freezes at this moment


@pytest.fixture
def waits(people: list[Photo], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Job]:
    """Have the loop ask for a training while a freeze by hand is over when it was waited for so often."""
    monkeypatch.setattr(loop, "_FREEZE_SECONDS", 0)

    def look(times: int) -> Job:
        by_hand = running.claim(str(freeze_request(actor="staff:alice", announced=False).pk))
        assert by_hand is not None
        waited: list[str] = []

        def watch(done: int, total: int, message: str) -> None:
            if message == "waits for another freeze":
                waited.append(message)
            if len(waited) == times:
                by_hand.finish()

        do_round("training.loop")
        job = Job.objects.get(kind="training.loop")
        running.run(str(job.pk), on_progress=watch)
        job.refresh_from_db()
        return job

    return look


def test_freeze_by_hand_is_waited_for(waits: Callable[[int], Job]) -> None:
    job = waits(3)
    assert (job.state, job.attempts) == (Job.State.DONE, 1), job.error
    assert "asked for smiley" in job.message


def test_freeze_by_hand_that_takes_for_ever_is_asked_for_by_the_next_attempt(
    waits: Callable[[int], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_FREEZE_ASKED", 2)
    job = waits(3)
    assert (job.state, job.attempts, runs()) == (Job.State.QUEUED, 1, 0)
    assert "Somebody else freezes" in job.error


# --- what came of the last run


@pytest.fixture
def trained(small_artifact: Path) -> Callable[[ModelVersion | None], ModelVersion]:
    """The newest run ends with a model that was compared with this one, and not found better."""

    def train(against: ModelVersion | None) -> ModelVersion:
        judgement = {"model": against and against.pk, "better": False}
        metrics = {"classes": ["grin", "tongue"]}
        return model_register(run=train_done(), artifact=small_artifact, metrics=metrics, judgement=judgement)

    return train


def test_candidate_is_judged_anew_once_what_it_was_compared_with_serves_no_more(
    people: list[Photo], register: Register, trained: Callable[[ModelVersion | None], ModelVersion]
) -> None:
    beat()
    active = model_promote(model=register(TrainingRun.objects.get().version), actor="system")
    trained(active)
    later(hours=25)
    assert "Nothing has changed" in beat(), "it was compared with what serves"
    ModelVersion.objects.filter(pk=active.pk).update(
        state=ModelVersion.State.RETIRED, stale_since=timezone.now()
    )
    later(hours=25)
    assert "asked for" in beat()
    trained(None)
    later(hours=25)
    assert "Nothing has changed" in beat()


def test_model_that_is_stale_by_what_it_went_on_from_is_replaced_though_its_version_is_as_before(
    people: list[Photo], trained: Callable[[ModelVersion | None], ModelVersion]
) -> None:
    beat()
    heir = model_promote(model=trained(None), actor="system")
    later(minutes=30)
    ModelVersion.objects.filter(pk=heir.pk).update(stale_since=timezone.now())
    later(minutes=11)
    assert "asked for" in beat()
    trained(heir)
    assert beat() == ""
    later(hours=25)
    assert "Nothing has changed" in beat()


def test_model_that_staff_took_back_is_not_trained_again(
    people: list[Photo], register: Register, trained: Callable[[ModelVersion | None], ModelVersion]
) -> None:
    beat()
    first = model_promote(model=register(TrainingRun.objects.get().version), actor="system")
    model_promote(model=trained(None), actor="system")
    model_promote(model=first, actor="system")
    later(hours=25)
    assert "Nothing has changed" in beat()


# --- what is stale


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
