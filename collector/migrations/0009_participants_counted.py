"""How many people take part, as a count that is kept."""

from django.db import migrations, models


def count_participants(apps, schema_editor):
    people = apps.get_model("collector", "Consent").objects.values("participant").distinct().count()
    apps.get_model("collector", "Tally").objects.create(name="participants", count=people)


class Migration(migrations.Migration):
    dependencies = [("collector", "0008_photos_found_by_file")]
    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField(default=0)),
            ],
            options={"verbose_name_plural": "tallies"},
        ),
        migrations.RunPython(count_participants, migrations.RunPython.noop),
    ]
