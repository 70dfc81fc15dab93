"""What a photo's owner is told of it while the workers look at it."""

from collections.abc import Callable

import pytest

from collector.models import Photo
from operations.jobs.services import job_enqueue
from operations.models import Job
from tests.collector.conftest import Browser
from training.models import DatasetVersion, ModelVersion, Prediction


def facts(photo: Photo) -> dict:
    return Browser(photo.participant).get(f"/api/v1/photos/{photo.pk}/").json()


def test_without_a_model_nothing_more_is_to_be_expected(seen_photo: Callable[..., Photo]) -> None:
    told = facts(seen_photo())
    assert (told["processed"], told["prediction"], told["prediction_expected"]) == (True, None, False)


@pytest.mark.parametrize(
    ("state", "expected"), [("queued", True), ("running", True), ("done", False), ("quarantined", False)]
)
def test_a_prediction_is_expected_while_its_job_is_at_work(
    seen_photo: Callable[..., Photo], state: str, expected: bool
) -> None:
    photo = seen_photo()
    job = job_enqueue(name="training.predict", subject=str(photo.faces.get().pk))
    Job.objects.filter(pk=job.pk).update(state=state)
    assert facts(photo)["prediction_expected"] is expected
    assert not facts(seen_photo())["prediction_expected"], "another photo's job"


def test_once_it_is_there_no_other_is_waited_for(
    seen_photo: Callable[..., Photo], register: Callable[..., ModelVersion]
) -> None:
    photo = seen_photo()
    face = photo.faces.get()
    version = DatasetVersion.objects.create(number=1, photos=0, people=0, counts={}, manifest="", sha256="")
    Prediction.objects.create(
        face=face, model=register(version, photos=0), smiley=photo.smiley, share=0.87, distribution={}
    )
    job_enqueue(name="training.predict", subject=str(face.pk))
    told = facts(photo)
    assert (told["prediction"]["glyph"], told["prediction"]["share"]) == (":P", 0.87)
    assert not told["prediction_expected"]
