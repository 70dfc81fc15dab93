from django.db import migrations, models


def keeping_both_meant_that_they_differ(apps, schema_editor):
    """Of a pair on which staff have ruled, none was dropped."""
    pairs = apps.get_model("labeling", "NearDuplicate").objects.exclude(ruled_at=None)
    dropped = apps.get_model("labeling", "DroppedDuplicate").objects.values("photo")
    pairs.exclude(photo__in=dropped).exclude(other__in=dropped).update(differ=True)


class Migration(migrations.Migration):

    dependencies = [
        ("labeling", "0014_imported_faces"),
    ]

    operations = [
        migrations.AddField(
            model_name="analysis",
            name="crowded",
            field=models.BooleanField(default=False, help_text="More photos of others have a near hash than it was compared with."),
        ),
        migrations.AddField(
            model_name="nearduplicate",
            name="differ",
            field=models.BooleanField(default=False, editable=False, help_text="Staff kept both: to the eye they are not the same."),
        ),
        migrations.RunPython(keeping_both_meant_that_they_differ, migrations.RunPython.noop),
    ]
