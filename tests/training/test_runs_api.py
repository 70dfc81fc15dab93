"""Freezing, training and serving by API, as a manager's program does it; and freezing by the clock."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from collector.models import Photo
from operations.jobs import running
from operations.models import AuditEvent, Job, Round
from operations.tokens import token_make
from tests.operations.conftest import do_round, visitor
from training.datasets import dataset_freeze
from training.models import DatasetVersion, ModelVersion, Prediction, TrainingRun


@pytest.fixture
def program(staff: Callable[..., Any]) -> Client:
    mona = staff("mona", role="manager")
    token = token_make(owner=mona, maker=mona, name="tests")
    return visitor(headers={"Authorization": f"Bearer {token.secret}"})


def post(program: Client, path: str, **body: Any) -> Any:
    return program.post(f"/api/v1/{path}", body, content_type="application/json", secure=True)


def get(program: Client, path: str) -> Any:
    return program.get(f"/api/v1/{path}", secure=True).json()


def test_freeze_by_api_is_watched_until_it_is_done(
    program: Client, accepted: Callable[..., Photo], private_folder: Any
) -> None:
    nothing = post(program, "datasets/")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_accepted")
    accepted()
    asked = post(program, "datasets/")
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    assert post(program, "datasets/").json()["id"] == asked.json()["id"], "asked twice is asked once"
    running.run(asked.json()["id"])
    assert get(program, f"datasets/freezes/{asked.json()['id']}/")["state"] == "done"
    assert [version["number"] for version in get(program, "datasets/")] == [1]
    assert AuditEvent.objects.get(action="dataset_frozen").actor == "staff:mona"


def test_freeze_by_the_clock_only_so_often_and_only_what_is_new(
    accepted: Callable[..., Photo], private_folder: Any, settings: Any
) -> None:
    def tick() -> int:
        do_round("training.freeze")
        for job in Job.objects.filter(kind="training.freeze_dataset", state=Job.State.QUEUED):
            running.run(str(job.pk))
        return DatasetVersion.objects.frozen().count()

    accepted()
    assert tick() == 0, "off unless told"
    settings.FREEZE_HOURS = 24
    assert tick() == 1
    accepted()
    assert tick() == 1, "not twice within its hours"
    Round.objects.filter(name="training.freeze.clock").delete()
    assert tick() == 2
    Round.objects.filter(name="training.freeze.clock").delete()
    assert tick() == 2, "nothing has changed"


def test_run_by_api_is_of_the_newest_version_and_the_best_architecture(
    program: Client, accepted: Callable[..., Photo], private_folder: Any
) -> None:
    assert post(program, "runs/", task="smiley").json()["code"] == "no_dataset"
    accepted()
    version = dataset_freeze(actor="system")[0]
    asked = post(program, "runs/", task="smiley", epochs=2).json()
    assert (asked["state"], asked["version"], asked["architecture"]) == (
        "waiting",
        version.pk,
        "smielfy_faces",
    )
    assert post(program, "runs/", task="smiley", epochs=2).json()["id"] == asked["id"]
    assert TrainingRun.objects.get().created_by == "staff:mona"
    compared = post(program, "runs/", task="smiley", epochs=2, warm_start=True, random_split=True).json()
    assert compared["id"] != asked["id"]
    assert (compared["warm_start"], compared["random_split"]) == (True, True)
    assert [run["id"] for run in get(program, "runs/")["results"]] == [compared["id"], asked["id"]]
    assert get(program, f"runs/{asked['id']}/")["epochs"] == 2
    for wrong, code in (
        ({"task": "juggling"}, "validation_failed"),
        ({"task": "smiley", "architecture": "unet_resnet"}, "architecture_unknown"),
        ({"task": "smiley", "version": 9}, "no_dataset"),
        ({"task": "smiley", "epochs": 0}, "validation_failed"),
    ):
        assert post(program, "runs/", **wrong).json()["code"] == code


def test_models_are_promoted_and_rolled_back_by_api(
    program: Client,
    accepted: Callable[..., Photo],
    register: Callable[..., ModelVersion],
    private_folder: Any,
) -> None:
    photo = accepted()
    version = dataset_freeze(actor="system")[0]
    first, second = register(version), register(version)
    for model in (first, second):
        assert post(program, f"models/{model.pk}/promote/").json()["state"] == "active"
    assert post(program, "models/roll-back/", task="smiley").json()["id"] == first.pk
    states = {model["number"]: model["state"] for model in get(program, "models/")["results"]}
    assert states == {1: "active", 2: "retired"}
    assert get(program, f"models/{first.pk}/")["metrics"]["accuracy"] == 0.9
    none = post(program, "models/roll-back/", task="unmask")
    assert (none.status_code, none.json()["code"]) == (409, "no_model_before")

    facts = {"face": photo.faces.get(), "smiley": photo.smiley, "share": 0.5, "distribution": {"tongue": 0.5}}
    for model in (first, second):
        Prediction.objects.create(model=model, **facts)
    (said,) = get(program, f"predictions/?photo={photo.pk}&model={first.pk}")["results"]
    assert (said["photo"], said["smiley"], said["share"]) == (str(photo.pk), "tongue", 0.5)
    assert len(get(program, "predictions/")["results"]) == 2
    assert get(program, "predictions/?photo=x")["code"] == "validation_failed"
