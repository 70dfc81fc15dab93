from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("collector", "0013_newest_participants"),
    ]

    operations = [
        migrations.AddField(
            model_name="tombstone",
            name="scope",
            field=models.CharField(choices=[("everywhere", "Everywhere"), ("releases", "Releases")], default="everywhere", help_text="From where it is gone.", max_length=10),
        ),
    ]
