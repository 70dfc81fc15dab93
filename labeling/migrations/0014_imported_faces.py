"""What an import says of a face, until a worker has looked at the photo; points that it leaves blank are null."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("collector", "0013_newest_participants"), ("labeling", "0013_when_a_waiting_photo_was_sent")]
    operations = [
        migrations.CreateModel(
            name="ImportedFace",
            fields=[
                (
                    "photo",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="imported_face",
                        serialize=False,
                        to="collector.photo",
                    ),
                ),
                ("box", models.JSONField(help_text="x, y, width, height, or nothing.", null=True)),
                (
                    "points",
                    models.JSONField(
                        help_text="Fifteen pairs x, y, or nothing; null for a missing number.", null=True
                    ),
                ),
                (
                    "visible",
                    models.JSONField(default=list, help_text="Fifteen booleans, false for a missing point."),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("mesh", "Mesh"), ("model", "Model"), ("human", "Human")],
                        default="human",
                        max_length=5,
                    ),
                ),
                (
                    "measured",
                    models.JSONField(
                        default=dict, help_text="Further fields of the Face, where the import has them: all or none."
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="keypointset",
            name="points",
            field=models.JSONField(
                help_text="Fifteen pairs x, y; null for both where nobody placed the point."
            ),
        ),
    ]
