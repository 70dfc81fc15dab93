"""What is promoted looks at every face, in the background, once; and masks are kept up beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.models import Photo
from collector.services import photo_withdraw
from labeling.models import CROP_SIZE, Face, KeypointDoubt, KeypointSet, QueueEntry
from labeling.queue import queue_follow
from ml.artifacts import ArtifactError
from operations.jobs import registry, running
from operations.models import Job
from tests.collector.conftest import Browser
from tests.ml.models import write_small_model, write_small_placer
from tests.operations.conftest import do_round
from tests.training.planted import work
from training import repredicting
from training.datasets import dataset_freeze
from training.models import ModelVersion, Prediction, TrainingRun
from training.predictions import keypoints_make
from training.promotion import model_promote, model_roll_back
from training.repredicting import faces_repredict
from training.runs import model_register


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "smiley": write_small_model(folder / "smiley", classes=("grin", "tongue"), size=16),
        "keypoints": write_small_placer(folder / "keypoints"),
    }


@pytest.fixture
def promoted(people: list[Photo], artifacts: dict[str, Path], settings: Any, tmp_path: Path) -> Any:
    settings.DATA_DIR = tmp_path / "data"
    version, _ = dataset_freeze(actor="system")

    def make(task: str) -> ModelVersion:
        run = TrainingRun.objects.create(task=task, version=version, created_by="system", photos=16)
        model = model_register(run=run, artifact=artifacts[task], metrics={"classes": []})
        return model_promote(model=model, actor="system")

    return make


def test_every_face_is_looked_at_page_by_page_and_none_twice(
    promoted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "FACES_A_JOB", 6)
    model = promoted("smiley")
    after, pages = faces_repredict(model_id=model.pk, after=None), 1
    made = set(Prediction.objects.values_list("pk", flat=True))
    assert len(made) == 6
    while after is not None:
        after, pages = faces_repredict(model_id=model.pk, after=after), pages + 1
    assert (pages, Prediction.objects.count()) == (3, 16)
    faces_repredict(model_id=model.pk, after=None)
    assert made <= set(Prediction.objects.values_list("pk", flat=True)), "what was there stays"


def test_model_that_was_replaced_meanwhile_looks_no_further(promoted: Any) -> None:
    first = promoted("smiley")
    promoted("smiley")
    assert faces_repredict(model_id=first.pk, after=None) is None
    assert Prediction.objects.count() == 0


@pytest.fixture
def waiting(seen_photo: Callable[..., Photo]) -> Photo:
    """A photo that waits for reviewers."""
    photo = seen_photo("tongue")
    queue_follow(photo=photo)
    return photo


def test_model_that_was_rolled_back_to_is_believed_again(promoted: Any, waiting: Photo) -> None:
    def told() -> tuple[int, float | None]:
        answer = Browser(waiting.participant).get(f"/api/v1/photos/{waiting.pk}/").json()
        return answer["prediction"]["model"], QueueEntry.objects.get(photo=waiting).model_share

    first = promoted("smiley")
    work("training.repredict")
    said = {"tongue": 0.9, "grin": 0.1}
    Prediction.objects.filter(model=first).update(share=0.9, distribution=said)
    promoted("smiley")
    work("training.repredict")
    number, share = told()
    assert (number, share != 0.9) == (2, True)
    model_roll_back(task="smiley", actor="system")
    assert told()[0] == 1
    work("training.repredict")
    assert told() == (1, 0.9)


def test_model_that_serves_again_begins_with_the_first_face(
    promoted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "FACES_A_JOB", 6)
    first = promoted("smiley")
    jobs = Job.objects.filter(kind="training.repredict", subject=str(first.pk))
    running.run(str(jobs.get().pk))
    assert jobs.get(state=Job.State.QUEUED).payload["after"]
    promoted("smiley")
    model_roll_back(task="smiley", actor="system")
    assert jobs.get(state=Job.State.QUEUED).payload == {"after": ""}


def test_page_that_ends_after_its_model_serves_again_leaves_the_rest_to_that(
    promoted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repredicting, "FACES_A_JOB", 6)
    first = promoted("smiley")
    jobs = Job.objects.filter(kind="training.repredict", subject=str(first.pk))
    page = running.claim(str(jobs.get().pk))
    assert page is not None
    promoted("smiley")
    model_roll_back(task="smiley", actor="system")
    registry.kind("training.repredict").handler(page)
    assert jobs.get(state=Job.State.QUEUED).payload == {"after": ""}


@pytest.mark.parametrize(("task", "made"), [("smiley", Prediction), ("keypoints", KeypointSet)])
def test_damaged_crop_does_not_keep_the_others_waiting(
    promoted: Any, private_folder: Path, caplog: pytest.LogCaptureFixture, task: str, made: Any
) -> None:
    model = promoted(task)
    face = Face.objects.order_by("pk")[3]
    (private_folder / face.crop).write_bytes(b"no picture")
    assert faces_repredict(model_id=model.pk, after=None) is None
    assert made.objects.count() == 15
    assert [record.face for record in caplog.records if record.name == repredicting.__name__] == [
        str(face.pk)
    ]


@pytest.mark.parametrize("task", ["smiley", "keypoints"])
def test_model_that_cannot_be_loaded_is_an_error_of_the_job(promoted: Any, settings: Any, task: str) -> None:
    model = promoted(task)
    (settings.DATA_DIR / "cache" / "models" / str(model.run_id) / "model.tflite").write_bytes(b"")
    with pytest.raises(ArtifactError):
        faces_repredict(model_id=model.pk, after=None)


def test_keypoint_model_places_points_beside_the_meshs_in_pixels_of_the_photo(
    promoted: Any, people: list[Photo]
) -> None:
    face = Face.objects.get(photo=people[0])
    Face.objects.filter(pk=face.pk).update(transform=[[0.5, 0, 10], [0, 0.5, 0]])
    seen = [True] * 14 + [False]
    KeypointSet.objects.create(face=face, source="mesh", points=[[10, 10]] * 15, visible=seen)
    promoted("keypoints")
    running.run(str(Job.objects.get(kind="training.repredict").pk))
    assert KeypointSet.objects.filter(source="model").count() == 16
    placed = KeypointSet.objects.get(face=face, source="model")
    middle = (CROP_SIZE - 1) / 2
    assert placed.points[0] == pytest.approx([(middle - 10) / 0.5, middle / 0.5], abs=0.1)
    assert placed.visible == seen, "a model does not say what can be seen"
    assert KeypointDoubt.objects.filter(face=face).exists(), "the editor knows where they differ"
    gone = Face.objects.get(photo=people[1]).pk
    photo_withdraw(photo=people[1], actor="participant")
    assert keypoints_make(face_id=gone) is None


def test_masks_are_kept_up_for_the_newest_version(people: list[Photo], settings: Any) -> None:
    version, _ = dataset_freeze(actor="system")
    jobs = Job.objects.filter(kind="training.mask_dataset")
    jobs.delete()
    settings.MASKS_PER_FACE = 0
    do_round("training.keep_masks")
    assert not jobs.exists()
    settings.MASKS_PER_FACE = 2
    do_round("training.keep_masks")
    do_round("training.keep_masks")
    assert [job.subject for job in jobs] == [str(version.number)]
