"""Entries for the photos that wait, tallies for the decisions that were taken, and reviewers see only the queue."""

from django.conf import settings
from django.db import migrations

from labeling.decisions import Ballot, Rule, count
from labeling.worth import age, doubt, rarity


def fill(apps, schema_editor):
    Photo = apps.get_model("collector", "Photo")
    Decision, Entry = apps.get_model("labeling", "Decision"), apps.get_model("labeling", "QueueEntry")
    rule = Rule(settings.REVIEW_QUORUM)
    for decision in Decision.objects.select_related("photo__smiley").iterator():
        tally = _tally(decision.photo)
        decision.votes, decision.ballots = tally.votes, tally.ballots
        decision.by_reviews = tally.satisfies(rule)
        decision.save()
    waiting = Photo.objects.filter(state__in=("in_review", "no_face")).select_related("smiley")
    Entry.objects.bulk_create((_entry(apps, photo) for photo in waiting.iterator()), batch_size=500)


def _tally(photo):
    reviews = photo.reviews.filter(kind="decide", set_aside_at=None).select_related("smiley")
    ballots = [Ballot(one.verdict, one.smiley.slug if one.smiley else None, one.reason) for one in reviews]
    return count(photo.smiley.slug, ballots)


def _entry(apps, photo):
    tally = _tally(photo)
    base = doubt(photo.smiley.slug, tally, None) + age(photo.created_at)
    analysis = apps.get_model("labeling", "Analysis").objects.filter(photo=photo).first()
    flags = analysis.flags if analysis else {}
    return apps.get_model("labeling", "QueueEntry")(
        photo=photo,
        smiley=photo.smiley,
        base=base,
        worth=base + rarity(photo.smiley.accepted_people, int(settings.COUNT_TARGET)),
        hard=tally.votes < tally.ballots or photo.state == "no_face",
        reviewers_disagree=tally.votes < tally.ballots and tally.ballots > 1,
        flags="".join(f"|{name}" for name in flags) + "|" if flags else "",
    )


def narrow_reviewers(apps, schema_editor):
    for group in apps.get_model("auth", "Group").objects.filter(name="reviewer"):
        group.permissions.remove(*group.permissions.filter(codename__in=("view_photo", "view_review")))


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0004_review_queue_checks_and_gold"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(narrow_reviewers, migrations.RunPython.noop),
    ]
