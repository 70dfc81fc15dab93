"""Receipt codes, and how many people each smiley was accepted of."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def count_people(apps, schema_editor):
    Photo = apps.get_model("collector", "Photo")
    for smiley in apps.get_model("collector", "Smiley").objects.all():
        accepted = Photo.objects.filter(accepted_as=smiley)
        smiley.accepted_people = accepted.values("participant").distinct().count()
        smiley.save(update_fields=["accepted_people"])


class Migration(migrations.Migration):
    dependencies = [("collector", "0002_seventeen_smileys_and_the_first_consent_text")]
    operations = [
        migrations.AddField(
            model_name="smiley",
            name="accepted_people",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="Of how many different people."
            ),
        ),
        migrations.RunPython(count_people, migrations.RunPython.noop),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "participant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="collector.participant",
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("issued_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
