"""What a prediction's columns hold: the vote of 45 windows, where it was the answer to a single crop."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0002_drafts_of_versions")]
    operations = [
        migrations.AlterField(
            model_name="prediction",
            name="distribution",
            field=models.JSONField(help_text="Share of the vote by slug."),
        ),
        migrations.AlterField(
            model_name="prediction",
            name="share",
            field=models.FloatField(help_text="Its share of the 45 windows' vote."),
        ),
        migrations.AlterField(
            model_name="prediction",
            name="smiley",
            field=models.ForeignKey(
                help_text="The winner of the vote.",
                on_delete=django.db.models.deletion.PROTECT,
                to="collector.smiley",
            ),
        ),
    ]
