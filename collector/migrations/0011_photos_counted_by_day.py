"""How many photos came in each day, as counts that are kept."""

from datetime import UTC

from django.db import migrations, models
from django.db.models.functions import TruncDate


def count_photos(apps, schema_editor):
    photos = apps.get_model("collector", "Photo").objects.order_by()
    days = photos.values_list(TruncDate("created_at", tzinfo=UTC)).annotate(number=models.Count("pk"))
    tallies = apps.get_model("collector", "Tally").objects
    tallies.bulk_create(tallies.model(name=f"photos of {day.isoformat()}", count=number) for day, number in days)


class Migration(migrations.Migration):
    dependencies = [("collector", "0010_muted_participants")]
    operations = [migrations.RunPython(count_photos, migrations.RunPython.noop)]
