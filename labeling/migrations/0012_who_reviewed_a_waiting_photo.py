from itertools import groupby

from django.db import migrations, models


def fill(apps, schema_editor):
    Review, Entry = apps.get_model("labeling", "Review"), apps.get_model("labeling", "QueueEntry")
    counting = Review.objects.filter(kind="decide", set_aside_at=None, photo__queue_entry__isnull=False)
    pairs = counting.order_by("photo", "pk").values_list("photo", "reviewer")
    for photo, rows in groupby(pairs.iterator(), key=lambda row: row[0]):
        names = "|".join(str(reviewer) for _, reviewer in rows)
        Entry.objects.filter(photo=photo).update(reviewed_by=f"|{names}|")


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0011_long_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="queueentry",
            name="reviewed_by",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Keys of those whose reviews count, each between bars: it is not for them any more.",
            ),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
