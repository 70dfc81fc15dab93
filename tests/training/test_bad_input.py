"""What a training cannot use is refused with the reason on its page in admin, and the model that serves stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from labeling.models import Face
from operations.jobs import running
from operations.models import Job
from tests.operations.conftest import visitor
from tests.training.growing import people_come
from training.datasets import dataset_freeze
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import run_request

Register = Callable[..., ModelVersion]

# The real training sees rows that its own process commits. Serialised, so that what migrations put there comes back.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True)]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Any, private_folder: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"


def one_person() -> None:
    people_come(1, "smile", "frown")


def one_class() -> None:
    people_come(9, "smile")


def damaged_crop() -> None:
    people_come(9, "smile", "frown")
    name = Face.objects.order_by("pk")[3].crop
    default_storage.delete(name)
    default_storage.save(name, ContentFile(b"no picture"))


def serving(register: Register, version: DatasetVersion) -> ModelVersion:
    return model_promote(model=register(version), actor="system")


def tried(version: DatasetVersion, **asked: Any) -> TrainingRun:
    """A run that is done to its end, however often it is taken up."""
    facts = {
        "task": "smiley",
        "architecture": "garage_cnn",
        "epochs": 1,
        "seed": 1,
        "max_seconds": 60,
        **asked,
    }
    run, job = run_request(**facts, version=version, actor="system", promotes=True, here=True)
    while job.state == Job.State.QUEUED:
        Job.objects.update(run_after=timezone.now())
        running.run(str(job.pk))
        job.refresh_from_db()
    assert job.state == (
        Job.State.DONE if ModelVersion.objects.filter(run=run).exists() else Job.State.QUARANTINED
    )
    run.refresh_from_db()
    return run


def page(run: TrainingRun, staff: Callable[..., Any]) -> str:
    browser = visitor()
    browser.force_login(staff("mary", role="manager"))
    return browser.get(f"/admin/training/trainingrun/{run.pk}/change/", secure=True).content.decode()


@pytest.mark.parametrize(
    ("comes", "said"),
    [
        (one_person, "collect or accept more photos"),
        (one_class, "two classes are needed"),
        (damaged_crop, "is damaged"),
    ],
)
def test_data_that_nothing_can_be_learned_from_are_refused(
    comes: Callable[[], None], said: str, register: Register, staff: Callable[..., Any]
) -> None:
    comes()
    version = dataset_freeze(actor="system")[0]
    active = serving(register, version)
    run = tried(version)
    assert run.state == TrainingRun.State.FAILED
    shown = page(run, staff)
    assert said in shown.partition('class="log"')[2]
    assert "Try again" in shown
    assert ModelVersion.objects.active("smiley") == active


@pytest.mark.parametrize("step", ["train", "evaluate"])
def test_network_that_answers_nan_is_not_registered(
    step: str,
    register: Register,
    staff: Callable[..., Any],
    stand_in: Callable[[str], Path],
    small_artifact: Path,
) -> None:
    people_come(9, "smile", "frown")
    version = dataset_freeze(actor="system")[0]
    active = serving(register, version)
    stand_in(f"""
        import json, shutil, sys
        if sys.argv[1] == {step!r}:
            print('{{"event": "epoch", "epoch": 1, "accuracy": NaN}}', flush=True)
        else:
            shutil.copytree({str(small_artifact)!r}, sys.argv[sys.argv.index("--out") + 1])
    """)
    run = tried(version)
    assert run.state == TrainingRun.State.FAILED
    assert "NaN where a number belongs" in page(run, staff)
    assert list(ModelVersion.objects.all()) == [active]


def test_active_model_of_a_later_version_is_not_gone_on_from_and_stays(
    register: Register,
    staff: Callable[..., Any],
    stand_in: Callable[[str], Path],
    small_artifact: Path,
    settings: Any,
) -> None:
    people_come(9, "smile", "frown")
    version = dataset_freeze(actor="system")[0]
    active = serving(register, version)
    TrainingRun.objects.update(architecture="garage_cnn")
    info = settings.DATA_DIR / "cache" / "models" / str(active.run_id) / "artifact.json"
    info.write_text(json.dumps({**json.loads(info.read_text()), "format_version": 99}))
    stand_in(f"""
        import json, shutil, sys
        if sys.argv[1] == "train":
            shutil.copytree({str(small_artifact)!r}, sys.argv[sys.argv.index("--out") + 1])
        else:
            assert "--compare" not in sys.argv
            print(json.dumps({{"classes": ["grin", "tongue"], "accuracy": 1.0, "per_class": {{}}}}))
    """)
    run = tried(version, warm_start=True)
    assert run.state == TrainingRun.State.DONE, run.error
    assert [trial["kept"] for trial in run.trials] == [True, False]
    assert "update Smielfy" in page(run, staff)
    assert "cannot be used any more" in run.model.judgement["reason"]
    assert ModelVersion.objects.active("smiley") == active
