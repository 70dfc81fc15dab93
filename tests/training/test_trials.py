"""From scratch, from the active model, and with people not kept apart: what a run tries, keeps and tells."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.models import Face, KeypointSet
from operations.jobs import running
from operations.models import Job
from operations.problems import Problem
from tests.ml.models import write_small_placer
from training.datasets import dataset_freeze
from training.models import DatasetVersion, LeftOut, ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import model_register, run_request, run_retry

Register = Callable[..., ModelVersion]

# A training that takes no time, and is as good as a file says that trainings of its kind are.
TRAINS = """
import json, pathlib, shutil, sys

words = sys.argv
if words[1] == "train":
    out = pathlib.Path(words[words.index("--out") + 1])
    given = json.loads(pathlib.Path(GIVEN).read_text())[out.name]
    with pathlib.Path(GIVEN).with_name("asked").open("a") as file:
        file.write(json.dumps(words[1:]) + chr(10))
    if given is None:
        sys.exit("the loss is not a number")
    if not out.exists():
        shutil.copytree(SMALL, out)
    figures = {"validation_accuracy": given, "validation_loss": 1}
    print(json.dumps({"event": "epoch", "epoch": 1, **figures}), flush=True)
    print(json.dumps({"event": "done", "epochs": 1, "best_epoch": 1, "seconds": 2.5, **figures}), flush=True)
else:
    facts = {"classes": ["grin", "tongue"], "accuracy": 0.5, "per_class": {}, "model": words[3]}
    if "--random-split" in words:
        apart = words[words.index("--random-split") + 1]
        facts["random_split"] = {"accuracy": 0.9, "intervals": {}, "worst": ["a picture"], "model": apart}
    print(json.dumps(facts), flush=True)
"""


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


@pytest.fixture
def trains(
    stand_in: Callable[[str], Path], small_artifact: Path, tmp_path: Path, settings: Any
) -> Callable[..., None]:
    """Say how good each training will be; None: it fails."""
    settings.DATA_DIR = tmp_path / "data"
    given = tmp_path / "given.json"
    stand_in(TRAINS.replace("SMALL", repr(str(small_artifact))).replace("GIVEN", repr(str(given))))
    return lambda **kinds: given.write_text(json.dumps(kinds))


@pytest.fixture
def active(version: DatasetVersion, register: Register) -> ModelVersion:
    model = register(version)
    TrainingRun.objects.filter(pk=model.run_id).update(architecture="garage_cnn")
    return model_promote(model=model, actor="system")


def done(version: DatasetVersion, **asked: Any) -> TrainingRun:
    facts = {
        "task": "smiley",
        "architecture": "garage_cnn",
        "epochs": 2,
        "seed": 1,
        "max_seconds": 60,
        **asked,
    }
    run, job = run_request(**facts, version=version, actor="system", here=True)
    running.run(str(job.pk))
    run.refresh_from_db()
    return run


def asked(tmp_path: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]


def kinds(run: TrainingRun) -> list[tuple[str, bool]]:
    return [(trial["kind"], trial["kept"]) for trial in run.trials]


@pytest.mark.parametrize(("warm", "kept"), [(0.8, True), (0.6, False), (0.7, False), (None, False)])
def test_what_is_better_on_the_validation_people_is_kept(
    warm: float | None, kept: bool, active: ModelVersion, trains: Callable[..., None], tmp_path: Path
) -> None:
    trains(scratch=0.7, warm=warm, by_picture=0.99)
    run = done(active.run.version, warm_start=True, random_split=True)
    assert run.state == TrainingRun.State.DONE, run.error
    assert kinds(run) == [("scratch", not kept), ("warm", kept), ("by_picture", False)]
    assert run.started_from == (active if kept else None)
    scratch, warmed, by_picture = asked(tmp_path)
    assert {words[words.index("--max-seconds") + 1] for words in (scratch, warmed, by_picture)} == {"20"}
    assert str(active.run_id) in warmed[warmed.index("--warm-start") + 1]
    assert "--warm-start" not in [*scratch, *by_picture]
    assert by_picture[-2:] == ["--split-by", "picture"]
    assert all("--replace" in words for words in (scratch, warmed, by_picture))
    assert run.model.metrics["random_split"]["accuracy"] == 0.9
    assert "worst" not in run.model.metrics["random_split"]
    assert Path(run.model.metrics["model"]).name == ("warm" if kept else "scratch")
    assert (run.trials[1].get("error") == "the loss is not a number") is (warm is None)
    assert {row["trial"] for row in run.history} == {
        trial["kind"] for trial in run.trials if "error" not in trial
    }


def test_without_anything_to_go_on_from_all_seconds_are_for_one(
    version: DatasetVersion, trains: Callable[..., None], tmp_path: Path
) -> None:
    trains(scratch=0.7)
    run = done(version, warm_start=True)
    assert kinds(run) == [("scratch", True)]
    assert asked(tmp_path)[0][-2] == "60"


def test_what_is_stale_or_of_another_architecture_is_not_gone_on_from(
    active: ModelVersion, trains: Callable[..., None], people: list[Photo]
) -> None:
    trains(scratch=0.7)
    assert kinds(done(active.run.version, architecture="smielfy_faces", warm_start=True)) == [
        ("scratch", True)
    ]
    photo_withdraw(photo=people[0], actor="participant")
    assert kinds(done(active.run.version, warm_start=True)) == [("scratch", True)]


def test_smileys_begin_with_the_network_for_keypoints_where_none_serves_yet(
    version: DatasetVersion, trains: Callable[..., None], tmp_path: Path, people: list[Photo]
) -> None:
    trains(scratch=0.7, warm=0.8)
    facts = {
        "task": "keypoints",
        "architecture": "smielfy_points",
        "created_by": "system",
        "photos": len(people),
    }
    points = TrainingRun.objects.create(version=version, **facts)
    artifact = write_small_placer(tmp_path / "placer")
    placer = model_promote(
        model=model_register(run=points, artifact=artifact, metrics={"classes": []}), actor="system"
    )
    assert kinds(done(version, warm_start=True)) == [("scratch", True)]  # nothing in common with garage_cnn
    run = done(version, warm_start=True, architecture="smielfy_faces")
    assert kinds(run) == [("scratch", False), ("warm", True)]
    assert run.started_from == placer
    photo_withdraw(photo=people[0], actor="participant")
    assert ModelVersion.objects.get(run=run).stale_since is not None


def test_run_fails_when_the_training_from_scratch_does(
    active: ModelVersion, trains: Callable[..., None]
) -> None:
    trains(scratch=None, warm=0.9)
    run = done(active.run.version, warm_start=True)
    assert (run.state, run.error.strip()) == (TrainingRun.State.FAILED, "the loss is not a number")
    assert ModelVersion.objects.active("smiley") == active


def test_failed_run_is_tried_again_by_a_click(version: DatasetVersion, trains: Callable[..., None]) -> None:
    trains(scratch=None)
    run = done(version)
    trains(scratch=0.7)
    job = run_retry(run=run, actor="staff:mary")
    run.refresh_from_db()
    assert (run.state, run.error, job.state) == (TrainingRun.State.WAITING, "", Job.State.QUEUED)
    running.run(str(job.pk))
    run.refresh_from_db()
    assert run.state == TrainingRun.State.DONE, run.error
    with pytest.raises(Problem, match="only a failed one"):
        run_retry(run=run, actor="staff:mary")
    Job.objects.all().delete()  # as a week later
    TrainingRun.objects.update(state=TrainingRun.State.FAILED)
    assert run_retry(run=run, actor="staff:mary").state == Job.State.QUEUED


# --- what a model that was gone on from has learned


@pytest.fixture
def without_first(active: ModelVersion, people: list[Photo]) -> DatasetVersion:
    """A later version, in which a photo is not any more that the active model learned from."""
    Photo.objects.filter(pk=people[0].pk).update(state=Photo.State.IN_REVIEW, accepted_as=None)
    return dataset_freeze(actor="system")[0]


def test_models_that_went_on_from_one_that_knew_a_photo_forget_it_with_it(
    active: ModelVersion, without_first: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    child, grandchild, other = (register(without_first) for _ in range(3))
    TrainingRun.objects.filter(pk=child.run_id).update(started_from=active)
    TrainingRun.objects.filter(pk=grandchild.run_id).update(started_from=child)
    photo_withdraw(photo=people[0], actor="participant")
    stale = ModelVersion.objects.exclude(stale_since=None)
    assert set(stale) == {active, child, grandchild}
    assert other.stale_since is None


@pytest.mark.parametrize("heir", [False, True])
def test_what_learned_from_a_photo_that_is_left_out_is_not_gone_on_from(
    heir: bool,
    active: ModelVersion,
    without_first: DatasetVersion,
    register: Register,
    trains: Callable[..., None],
    people: list[Photo],
) -> None:
    trains(scratch=0.7, warm=0.8)
    if heir:
        child = register(without_first)
        facts = {"started_from": active, "architecture": "garage_cnn"}
        TrainingRun.objects.filter(pk=child.run_id).update(**facts)
        model_promote(model=child, actor="system")
    LeftOut.objects.create(version=without_first, photo=people[0], kept=people[2], bits=1, difference=1.0)
    assert kinds(done(without_first, warm_start=True)) == [("scratch", True)]
    assert len(kinds(done(active.run.version, warm_start=True))) == 2, "a version that leaves nothing out"


def test_model_that_goes_stale_in_the_middle_is_not_gone_on_from(
    active: ModelVersion, without_first: DatasetVersion, trains: Callable[..., None], people: list[Photo]
) -> None:
    trains(scratch=0.7, warm=0.8)
    facts = {"task": "smiley", "architecture": "garage_cnn", "epochs": 2, "seed": 1, "max_seconds": 60}
    run, job = run_request(**facts, warm_start=True, version=without_first, actor="system", here=True)

    def withdraw(done: int, total: int, message: str) -> None:
        if message.startswith("evaluating") and Photo.objects.filter(pk=people[0].pk).exists():
            photo_withdraw(photo=people[0], actor="participant")

    running.run(str(job.pk), on_progress=withdraw)
    run.refresh_from_db()
    assert run.state == TrainingRun.State.DONE, run.error
    # Either it began anew without that model, or what came out of it is stale from birth.
    assert (run.started_from is None) is (run.model.stale_since is None)


def test_training_without_the_figure_that_is_compared_is_no_better_than_one_with_it(
    version: DatasetVersion, trains: Callable[..., None]
) -> None:
    """As keypoints of people who validate may have no pair of eyes, and so no NME."""
    for face in Face.objects.all():
        KeypointSet.objects.create(face=face, source="mesh", points=[[9, 9]] * 15, visible=[True] * 15)
    trains(scratch=0.7)
    run = done(version, task="keypoints", architecture="conv_head")
    assert run.state == TrainingRun.State.DONE, run.error
    assert kinds(run) == [("scratch", True)]
