"""Which model serves: better beyond noise by itself, by hand what staff wants, and never what cannot be used."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from collector.models import Photo
from collector.services import photo_withdraw
from operations.models import AuditEvent
from operations.problems import Problem
from tests.ml.models import with_nan
from tests.operations.conftest import visitor
from training.datasets import dataset_freeze
from training.models import DatasetVersion, ModelVersion, TrainingRun
from training.promotion import (
    judge,
    model_before,
    model_pin,
    model_promote,
    model_promote_by_rule,
    model_roll_back,
)
from training.runs import model_register

Register = Callable[..., ModelVersion]


def compared(
    low: float, high: float, *, figure: str = "accuracy", people: int = 20, **more: Any
) -> dict[str, Any]:
    row = {"difference": (low + high) / 2, "interval": [low, high], "above_zero": 0.5}
    return {"people": people, "samples": 2 * people, "figures": {figure: row}, **more}


@pytest.fixture
def version(people: list[Photo]) -> DatasetVersion:
    return dataset_freeze(actor="system")[0]


def better(against: ModelVersion | None) -> dict[str, Any]:
    return judge("smiley", compared(0.1, 0.2, baseline="majority"), against)


# --- the rule


@pytest.mark.parametrize(
    ("task", "comparison", "wins", "said"),
    [
        ("smiley", compared(0.01, 0.2, baseline="majority"), True, "Better than the majority baseline"),
        ("smiley", compared(0.0, 0.2), False, "Not better"),
        ("smiley", compared(-0.2, -0.01), False, "Worse"),
        ("keypoints", compared(-0.02, -0.01, figure="nme"), True, "Better"),
        ("keypoints", compared(0.01, 0.02, figure="nme"), False, "Worse"),
        ("unmask", compared(-0.02, 0.01, figure="masked_l1"), False, "Not better"),
        ("smiley", compared(0.1, 0.2, people=4), False, "4 people; 5 are needed"),
        ("smiley", None, False, "nothing to compare"),
    ],
)
def test_first_model_serves_when_it_beats_what_looks_at_nothing(
    task: str, comparison: Any, wins: bool, said: str
) -> None:
    judgement = judge(task, comparison, None)
    assert judgement["better"] is wins
    assert said in judgement["reason"]


@pytest.mark.parametrize(
    ("low", "high", "wins", "wins_over_stale"),
    [(0.01, 0.2, True, True), (-0.05, 0.05, False, True), (-0.2, -0.01, False, False)],
)
def test_stale_model_gives_way_to_one_that_is_not_worse(
    low: float, high: float, wins: bool, wins_over_stale: bool
) -> None:
    active = ModelVersion(pk=3, task="smiley", number=7)
    assert judge("smiley", compared(low, high), active)["better"] is wins
    active.stale_since = timezone.now()
    assert judge("smiley", compared(low, high), active)["better"] is wins_over_stale


def test_better_candidate_serves_by_itself_and_once(version: DatasetVersion, register: Register) -> None:
    first = register(version, judgement=better(None))
    assert model_promote_by_rule(model=first)
    assert not model_promote_by_rule(model=first), "it was done already"
    second = register(version, judgement=better(first))
    third = register(version, judgement=judge("smiley", compared(-0.1, 0.1), first))
    assert not model_promote_by_rule(model=third)
    assert ModelVersion.objects.active("smiley") == first
    assert model_promote_by_rule(model=second)
    assert ModelVersion.objects.active("smiley") == second
    model_promote(model=first, actor="staff:alice")
    assert not model_promote_by_rule(model=second), "what staff took away does not come back by itself"


def test_what_keeps_a_better_candidate_from_serving_is_written_down(
    version: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    active, other = register(version), register(version)
    late, held, stale = (register(version, judgement=better(active)) for _ in range(3))
    model_promote(model=other, actor="staff:alice")
    assert not model_promote_by_rule(model=late)
    model_promote(model=active, actor="staff:alice")
    model_pin(model=active, pinned=True, actor="staff:alice")
    assert not model_promote_by_rule(model=held)
    ModelVersion.objects.filter(pk=stale.pk).update(stale_since=timezone.now())
    model_pin(model=active, pinned=False, actor="staff:alice")
    assert not model_promote_by_rule(model=stale)
    for model, said in ((late, "smiley 2 serves by now"), (held, "pinned"), (stale, "withdrawn")):
        model.refresh_from_db()
        assert said in model.judgement["reason"]
        assert model.judgement["promoted"] is False
    assert ModelVersion.objects.active("smiley") == active


# --- by hand


def test_roll_back_goes_to_the_last_that_served_and_is_not_stale(
    version: DatasetVersion, register: Register
) -> None:
    first, second, third = (register(version) for _ in range(3))
    with pytest.raises(Problem) as refusal:
        model_roll_back(task="smiley", actor="staff:alice")
    assert refusal.value.code == "no_model_before"
    for model in (first, second, third):
        model_promote(model=model, actor="staff:alice")
    assert model_roll_back(task="smiley", actor="staff:alice") == second
    assert model_before("smiley") == third
    ModelVersion.objects.filter(pk=third.pk).update(stale_since=timezone.now())
    assert model_roll_back(task="smiley", actor="staff:alice") == first
    assert AuditEvent.objects.filter(action="model_rolled_back").count() == 2


def test_pinned_model_serves_whatever_comes_until_it_is_stale(
    version: DatasetVersion, register: Register, people: list[Photo]
) -> None:
    pinned, other = register(version), register(version)
    model_promote(model=pinned, actor="staff:alice")
    model_pin(model=pinned, pinned=True, actor="staff:alice")
    with pytest.raises(Problem) as refusal:
        model_promote(model=other, actor="staff:alice")
    assert refusal.value.code == "model_pinned"
    photo_withdraw(photo=people[0], actor="participant")
    pinned.refresh_from_db()
    assert (pinned.state, pinned.pinned) == ("active", False)
    with pytest.raises(Problem) as refusal:
        model_pin(model=pinned, pinned=True, actor="staff:alice")
    assert refusal.value.code == "model_stale"


# --- what cannot be used


@pytest.mark.parametrize(
    ("harm", "said"), [("nan", "NaN"), ("later", "update Smielfy"), ("lost", "model.tflite")]
)
def test_unusable_model_is_refused_and_the_active_one_stays(
    harm: str,
    said: str,
    version: DatasetVersion,
    register: Register,
    small_artifact: Path,
    tmp_path: Path,
    settings: Any,
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    active = model_promote(model=register(version), actor="staff:alice")
    folder = tmp_path / "harmed"
    if harm == "nan":
        with_nan(small_artifact, folder)
    else:
        shutil.copytree(small_artifact, folder)
        info = json.loads((folder / "artifact.json").read_text())
        if harm == "later":
            info["format_version"] = 99
            (folder / "artifact.json").write_text(json.dumps(info))
        else:
            (folder / "model.tflite").unlink()
    run = TrainingRun.objects.create(version=version, created_by="system", photos=version.items.count())
    metrics = {"classes": ["grin", "tongue"], "accuracy": 1.0}
    candidate = model_register(run=run, artifact=folder, metrics=metrics, judgement=better(active))
    assert not model_promote_by_rule(model=candidate)
    candidate.refresh_from_db()
    assert said in candidate.judgement["reason"]
    with pytest.raises(Problem) as refusal:
        model_promote(model=candidate, actor="staff:alice")
    assert (refusal.value.code, said in refusal.value.detail) == ("artifact_unusable", True)
    assert ModelVersion.objects.active("smiley") == active


# --- in admin


def test_managers_promote_pin_and_roll_back_by_a_click(
    version: DatasetVersion, register: Register, staff: Callable[..., Any]
) -> None:
    first, second = register(version), register(version, judgement=better(None))
    browser = visitor()
    browser.force_login(staff("mary", role="manager"))

    def act(model: ModelVersion, what: str) -> str:
        answer = browser.post(f"/admin/training/models/{model.pk}/serve/", {"act": what}, secure=True)
        return "".join(str(message) for message in get_messages(answer.wsgi_request))

    assert "smiley 1 serves" in act(first, "promote")
    assert "smiley 2 serves" in act(second, "promote")
    page = browser.get("/admin/training/modelversion/", secure=True).content.decode()
    assert "Roll back to smiley 1" in page
    assert "Better than the majority baseline beyond noise." in page
    page = browser.get(f"/admin/training/modelversion/{second.pk}/change/", secure=True).content.decode()
    assert "beyond noise. accuracy: +0.1500" in page
    assert "smiley 1 serves again" in act(second, "roll-back")
    assert "pinned" in act(first, "pin")
    assert "unpin it first" in act(second, "promote")
    assert "unpinned" in act(first, "unpin")
    assert "load the page again" in act(first, "explode")
    assert ModelVersion.objects.active("smiley") == first


def test_report_is_for_staff_and_its_policy_allows_its_own_style_alone(
    version: DatasetVersion,
    small_artifact: Path,
    tmp_path: Path,
    staff: Callable[..., Any],
    people: list[Photo],
) -> None:
    folder = tmp_path / "reported"
    shutil.copytree(small_artifact, folder)
    (folder / "report.html").write_text("<style>p { color: red }</style><p>figures")
    run = TrainingRun.objects.create(version=version, created_by="system", photos=version.items.count())
    metrics = {"classes": ["grin"], "accuracy": 1.0, "per_class": {}, "worst": [str(people[0].pk), "gone"]}
    metrics["worst"][1] = "00000000-0000-4000-8000-000000000000"
    model = model_register(run=run, artifact=folder, metrics=metrics)
    browser = visitor()
    browser.force_login(staff("mary", role="manager"))
    page = browser.get(f"/admin/training/modelversion/{model.pk}/change/", secure=True).content.decode()
    (address,) = re.findall(r'href="([^"]+report\.html)"', page)
    assert page.count('class="worst"') == page.count("/crop/") == 1, "what is gone is not shown"
    answer = browser.get(address, secure=True)
    assert b"figures" in answer.content
    policy = answer["Content-Security-Policy"]
    assert "style-src 'sha256-" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.filter(action="report_viewed", actor="staff:mary").exists()
    other = visitor()
    other.force_login(staff("rita", role="reviewer"))
    assert other.get(address, secure=True).status_code == 403
