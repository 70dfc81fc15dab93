"""From accepted photos to a model that serves by itself, through the real training process."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from operations.models import Job
from tests.training.growing import first_round, people_come
from training.models import TrainingRun

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def test_first_model_that_beats_the_majority_serves_by_itself(
    private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.TRAINING_TASKS, settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = ["smiley"], 0, 60

    first_round(tmp_path)


def test_a_training_that_cannot_succeed_says_why_and_is_not_tried_again(private_folder: Path) -> None:
    people_come(1, "smile", "frown")
    call_command("freeze_dataset", verbosity=0)
    with pytest.raises(CommandError, match=r"(?i)people|person"):
        call_command("train", "smiley", "--epochs", "1")
    run = TrainingRun.objects.get()
    assert run.state == TrainingRun.State.FAILED
    assert Job.objects.get(kind="training.train").state == Job.State.QUARANTINED
