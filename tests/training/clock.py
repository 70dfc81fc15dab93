"""The loop's clock in the tests' hands."""

from datetime import timedelta

from django.db.models import F

from labeling.models import Decision, KeypointSet
from operations.jobs import running
from operations.models import Job, Round
from tests.operations.conftest import do_round
from training.models import DatasetVersion, ModelVersion, TrainingRun


def later(**span: float) -> None:
    """Move the clock: everything that there is happened so much earlier."""
    moved = timedelta(**span)
    Round.objects.update(last_at=F("last_at") - moved)
    TrainingRun.objects.update(created_at=F("created_at") - moved)
    DatasetVersion.objects.update(created_at=F("created_at") - moved)
    Decision.objects.update(changed_at=F("changed_at") - moved)
    ModelVersion.objects.update(stale_since=F("stale_since") - moved)
    KeypointSet.objects.update(created_at=F("created_at") - moved)


def beat() -> str:
    """A sweep's look, and what it asked for; returns what that ended with."""
    do_round("training.loop")
    job = Job.objects.filter(kind="training.loop", state=Job.State.QUEUED).first()
    if job is None:
        return ""
    running.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    return job.message
