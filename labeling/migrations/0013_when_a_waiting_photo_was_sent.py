"""When a waiting photo was sent, in the queue itself: half a million photos were looked up to find those of a day."""

import django.utils.timezone
from django.db import migrations, models


def copy(apps, schema_editor):
    sent = apps.get_model("collector", "Photo").objects.filter(pk=models.OuterRef("pk")).values("created_at")
    apps.get_model("labeling", "QueueEntry").objects.update(sent_at=models.Subquery(sent))


class Migration(migrations.Migration):
    dependencies = [("labeling", "0012_who_reviewed_a_waiting_photo")]
    operations = [
        migrations.AddField(
            model_name="queueentry",
            name="sent_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                help_text="The photo's, so that none has to be looked up for a day's.",
            ),
        ),
        migrations.RunPython(copy, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="queueentry", index=models.Index(fields=["sent_at"], name="queue_sent")
        ),
    ]
