"""From accepted photos to a model that serves by itself, through the real training process."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.growing import first_round

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def test_first_model_that_beats_the_majority_serves_by_itself(
    private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.TRAINING_TASKS, settings.TRAINING_HOURS, settings.TRAINING_DECISIONS = ["smiley"], 0, 60
    settings.TRAINING_RANDOM_SPLIT = False

    first_round(tmp_path)
