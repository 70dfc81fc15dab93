"""A version is gathered under a draft, in many short transactions, before it is one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="datasetversion",
            name="draft",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Its items are still being gathered: it is no version yet.",
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="version",
            field=models.ForeignKey(
                limit_choices_to={"draft": False},
                on_delete=django.db.models.deletion.PROTECT,
                to="training.datasetversion",
            ),
        ),
    ]
