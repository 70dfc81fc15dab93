"""Which model serves: judged by rule on people that it never saw, or chosen by staff.

The rule: a candidate is compared with the active model on the pictures of the same test people. People are drawn with
replacement 2,000 times; when the middle 95 % of the differences are all on the better side, it is better beyond noise,
and takes the active model's place. The first model is compared with an answer that looks at nothing instead. In the
place of a stale model one suffices that is not worse beyond noise.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ml.artifacts import ArtifactError
from operations.audit import audit_record
from operations.locks import hold
from operations.problems import Problem

from .artifacts import artifact_check, artifact_fetch
from .figures import FIGURES
from .models import ModelVersion, Task
from .signals import model_promoted

#: Of fewer people the draws say nothing.
LEAST_PEOPLE = 5


def judge(task: str, comparison: Mapping[str, Any] | None, against: ModelVersion | None) -> dict[str, Any]:
    """What the rule says of a candidate, as JSON values; `better` is whether it may serve by itself."""
    figure = FIGURES[Task(task)][0]
    other = f"model {against}" if against else f"the {(comparison or {}).get('baseline', 'trivial')} baseline"
    judgement: dict[str, Any] = {"against": other, "model": against and against.pk, "better": False}
    judgement["figure"] = figure.title
    if comparison is None:
        return {**judgement, "reason": "There was nothing to compare it with."}
    row = comparison["figures"][figure.name]
    judgement |= {
        "difference": row["difference"],
        "interval": row["interval"],
        "people": comparison["people"],
    }
    if comparison["people"] < LEAST_PEOPLE:
        few = f"It was tested on {comparison['people']} people; {LEAST_PEOPLE} are needed to tell luck from skill."
        return {**judgement, "reason": few}
    ends = row["interval"] if figure.more_is_better else [-end for end in reversed(row["interval"])]
    if not ends:
        return {**judgement, "reason": f"There is no {figure.title} to compare by."}
    low, high = ends
    replaces_stale = against is not None and against.stale_since is not None
    better = high >= 0 if replaces_stale else low > 0
    if low > 0:
        reason = f"Better than {other} beyond noise."
    elif high < 0:
        reason = f"Worse than {other} beyond noise."
    elif better:
        reason = f"Not worse than {other} beyond noise, which is stale."
    else:
        reason = f"Not better than {other} beyond noise."
    return {**judgement, "better": better, "reason": reason}


@transaction.atomic
def model_promote_by_rule(*, model: ModelVersion) -> bool:
    """Let a candidate serve that the rule found better; what keeps it from that is written beside. Safe to repeat."""
    current, active = _lock(model.task, model.pk)
    judgement = current.judgement
    if not judgement.get("better") or "promoted" in judgement:
        return False
    kept = ""
    if judgement["model"] != (active and active.pk):
        kept = f"Not promoted: {active or 'no model'} serves by now, with which it was not compared."
    else:
        try:
            model_promote(model=current, actor="loop")
        except Problem as problem:
            kept = f"Not promoted: {problem.detail}"
    if kept:
        judgement["reason"] += f" {kept}"
    judgement["promoted"] = not kept
    ModelVersion.objects.filter(pk=current.pk).update(judgement=judgement)
    return not kept


@transaction.atomic
def model_promote(*, model: ModelVersion, actor: str) -> ModelVersion:
    """Let a candidate or a retired model serve.

    Raises Problem: model_stale, model_pinned (another is to serve on), artifact_unusable.
    """
    current, active = _lock(model.task, model.pk)
    if current.stale_since is not None:
        raise Problem(
            "model_stale",
            "It learned from a photo that was withdrawn since: train again instead.",
            status=409,
        )
    if current == active:
        return current
    if active is not None and active.pinned:
        raise Problem("model_pinned", f"Model {active} is pinned: unpin it first.", status=409)
    try:
        artifact_check(artifact_fetch(current), current.task)
    except (ArtifactError, ValueError, OSError) as error:
        raise Problem("artifact_unusable", str(error), status=409) from error
    if active is not None:
        active.state = ModelVersion.State.RETIRED
        active.save(update_fields=["state"])
    current.state, current.promoted_at = ModelVersion.State.ACTIVE, timezone.now()
    current.save(update_fields=["state", "promoted_at"])
    audit_record(actor=actor, action="model_promoted", subject=f"model:{current}")
    model_promoted.send(sender=ModelVersion, model=current)
    return current


def model_before(task: str) -> ModelVersion | None:
    """The model that served last before the active one, and may again."""
    retired = ModelVersion.objects.filter(task=task, state=ModelVersion.State.RETIRED, stale_since=None)
    return retired.exclude(promoted_at=None).order_by("-promoted_at").first()


@transaction.atomic
def model_roll_back(*, task: str, actor: str) -> ModelVersion:
    """Let the model serve again that did before the active one. Raises Problem when there is none."""
    hold(f"training.models.{task}")
    before = model_before(task)
    if before is None:
        raise Problem("no_model_before", "No model that may serve again served before this one.", status=409)
    audit_record(actor=actor, action="model_rolled_back", subject=f"model:{before}")
    return model_promote(model=before, actor=actor)


@transaction.atomic
def model_pin(*, model: ModelVersion, pinned: bool, actor: str) -> ModelVersion:
    """Keep the active model serving whatever comes, or no longer. Raises Problem when it is stale."""
    current, _ = _lock(model.task, model.pk)
    if pinned and current.stale_since is not None:
        raise Problem("model_stale", "A stale model is to be replaced: it cannot be pinned.", status=409)
    if current.pinned != pinned:
        current.pinned = pinned
        current.save(update_fields=["pinned"])
        audit_record(
            actor=actor, action="model_pinned" if pinned else "model_unpinned", subject=f"model:{current}"
        )
    return current


@transaction.atomic
def model_retire(*, model: ModelVersion, actor: str) -> None:
    """Let a stale model serve no longer, though nothing takes its place."""
    current, _ = _lock(model.task, model.pk)
    if current.state == ModelVersion.State.ACTIVE:
        current.state = ModelVersion.State.RETIRED
        current.save(update_fields=["state"])
        audit_record(actor=actor, action="model_retired", subject=f"model:{current}")


def _lock(task: str, pk: int) -> tuple[ModelVersion, ModelVersion | None]:
    """The model and the active one of its task, locked."""
    hold(f"training.models.{task}")
    # In the order of their ids, as a withdrawal locks the models that it makes stale.
    active_or_asked = Q(pk=pk) | Q(task=task, state=ModelVersion.State.ACTIVE)
    locked = list(ModelVersion.objects.select_for_update().filter(active_or_asked).order_by("pk"))
    active = next((one for one in locked if one.state == ModelVersion.State.ACTIVE), None)
    return next(one for one in locked if one.pk == pk), active
