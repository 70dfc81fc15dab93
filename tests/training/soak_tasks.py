"""Keypoints and mask removal through the site's own training process: packed, trained, judged, promoted, served."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from labeling.crops import alpha_encode, crop_encode
from labeling.models import Face, KeypointSet, MaskedFace
from operations.jobs import running
from operations.models import Job
from tests.training.growing import people_come
from training.datasets import dataset_freeze
from training.models import ModelVersion, TrainingRun
from training.promotion import model_promote
from training.runs import run_request

# Serialised, so that what migrations put into the database is there again after a flush.
pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("task", "architecture", "figure"),
    [("keypoints", "smielfy_points", "nme"), ("unmask", "smielfy_unmask", "masked_l1")],
)
def test_task_is_trained_judged_and_served(
    task: str, architecture: str, figure: str, private_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    people_come(36, "smile")
    random = np.random.default_rng(3)
    for face in Face.objects.all():
        points = random.uniform(60, 200, (15, 2)).round(1).tolist()
        KeypointSet.objects.create(face=face, source="mesh", points=points, visible=[True] * 15)
        alpha = np.zeros((256, 256), np.uint8)
        alpha[140:] = 255
        masked = np.full((256, 256, 3), 90, np.uint8)
        image_name = default_storage.save(f"masks/{face.pk}.jpg", ContentFile(crop_encode(masked)))
        alpha_name = default_storage.save(f"masks/{face.pk}.png", ContentFile(alpha_encode(alpha)))
        MaskedFace.objects.create(face=face, style="kn95", seed=1, image=image_name, alpha=alpha_name)
    version, _ = dataset_freeze(actor="system")
    asked = {"task": task, "architecture": architecture, "epochs": 1, "seed": 1, "max_seconds": 300}
    run, job = run_request(**asked, version=version, actor="system", promotes=True, here=True)
    running.run(str(job.pk))
    run.refresh_from_db()
    assert run.state == TrainingRun.State.DONE, run.error
    assert run.metrics[figure] > 0
    assert "baseline" in run.model.judgement["against"]
    assert "report.html" in run.model.files
    model_promote(model=run.model, actor="system")
    assert ModelVersion.objects.active(task) == run.model
    if task == "keypoints":
        running.run(str(Job.objects.get(kind="training.repredict").pk))
        assert KeypointSet.objects.filter(source="model").count() == 36
