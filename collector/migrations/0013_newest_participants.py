"""Participants in the order in which they came, for their list."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', "0012_withdrawn_imports"),
    ]

    operations = [
        migrations.AddIndex(
            model_name='participant',
            index=models.Index(fields=['-created_at'], name='participant_newest'),
        ),
    ]
