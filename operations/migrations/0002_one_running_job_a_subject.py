"""At most one job of a kind runs for a subject, and the database itself says so."""

from django.db import migrations, models
from django.utils import timezone


def stop_doubles(apps, schema_editor):
    """Of several that run for one subject the one begun last goes on; the others find out that they lost it."""
    seen = set()
    for job in apps.get_model("operations", "Job").objects.filter(state="running").order_by("-started_at"):
        if (job.kind, job.subject) in seen:
            job.state, job.finished_at, job.lease_token, job.lease_until = "superseded", timezone.now(), None, None
            job.save()
        seen.add((job.kind, job.subject))


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_initial")]
    operations = [
        migrations.RunPython(stop_doubles, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(state="running"), name="job_running_once"
            ),
        ),
    ]
