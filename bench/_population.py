"""Photos, reviews and all that hangs on them by the hundred thousand, written as fast as the database takes rows.

Half of the photos are decided by four reviewers each, half wait, with none, one or two reviews. No picture is behind
any of them.
"""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection, models, transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from collector.counts import photos_of
from collector.models import Consent, Participant, Photo, Smiley, Tally
from collector.selectors import consent_text_current
from labeling.decisions import Ballot, count
from labeling.flags import WORDS
from labeling.models import Analysis, Decision, Face, QueueEntry, Review
from labeling.queue import queue_of
from labeling.worth import Opinion, age, doubt

REVIEWERS = 8
_PHOTOS_EACH = 17
_CHUNK = 20_000
_WAITING_VERDICTS = ((), ("match",), ("match", "reject"))
_Rows = dict[type[models.Model], list[dict[str, Any]]]


def reviewers() -> list[User]:
    """Eight reviewers, and a superuser named `chief`."""
    group = Group.objects.get(name="reviewer")
    made = []
    for number in range(REVIEWERS):
        user = User.objects.get_or_create(username=f"reviewer{number}", defaults={"is_staff": True})[0]
        user.groups.add(group)
        made.append(user)
    User.objects.get_or_create(username="chief", defaults={"is_staff": True, "is_superuser": True})
    return made


def populate(photos: int, seed: int = 1) -> None:
    """Write `photos` photos with what belongs to each: half of them wait, and they have 2.5 × as many reviews."""
    people, smileys = reviewers(), list(Smiley.objects.all())
    with transaction.atomic():
        for smiley in smileys:
            queue_of(smiley)
    made = _photos(photos, people, smileys, random.Random(seed))
    while chunk := list(islice(made, _CHUNK)):
        rows: _Rows = {}
        for photo in chunk:
            for model, record in photo:
                rows.setdefault(model, []).append(record)
        with transaction.atomic():
            for model, records in rows.items():
                _write(model, records)
    _count_days()
    with connection.cursor() as cursor:
        # What a site's database has done by itself long since.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _count_days() -> None:
    """What the services would have counted as photos came in."""
    days = Photo.objects.order_by().values_list(TruncDate("created_at")).annotate(number=models.Count("pk"))
    Tally.objects.bulk_create(Tally(name=photos_of(day), count=number) for day, number in days)


def _photos(
    number: int, people: list[User], smileys: list[Smiley], dice: random.Random
) -> Iterator[list[tuple[type[models.Model], dict[str, Any]]]]:
    """Of each photo all rows, in the order in which they refer to one another."""
    text, now = consent_text_current("en"), timezone.now()
    consent_ids = iter(range(_next_id(Consent), 10**9))
    review_ids = iter(range(_next_id(Review), 10**9))
    participant, consent = uuid.UUID(int=0), 0
    for index in range(number):
        rows: list[tuple[type[models.Model], dict[str, Any]]] = []
        if index % _PHOTOS_EACH == 0:
            participant, consent = _uuid(dice), next(consent_ids)
            came_at = now - timedelta(seconds=dice.randrange(180 * 86400))
            rows.append((Participant, {"id": participant, "created_at": came_at, "sent_that_day": 0}))
            agreed = dict.fromkeys(("train", "show_as_example", "share_in_release"), True)
            about = {"id": consent, "participant_id": participant, "text_id": text.pk, "agreed_at": now}
            rows.append((Consent, {**about, **agreed}))
        smiley, other = dice.choice(smileys), dice.choice(smileys)
        decided, accepted = dice.random() < 0.5, dice.random() < 0.85
        sent_at = now - timedelta(seconds=dice.randrange(180 * 86400))
        photo = _photo(dice, participant, consent, smiley, sent_at, decided, accepted)
        flags = {dice.choice(list(WORDS)): 1.0} if dice.random() < 0.2 else {}
        verdicts = ("match" if accepted else "reject",) * 4 if decided else dice.choice(_WAITING_VERDICTS)
        rows += [(Photo, photo), *_seen(dice, photo, flags)]
        chosen = dice.sample(people, len(verdicts))
        for reviewer, verdict in zip(chosen, verdicts, strict=True):
            at = sent_at + timedelta(hours=dice.randrange(1, 200))
            rows.append((Review, _review(next(review_ids), photo, reviewer, verdict, at, dice)))
        rows.append((Decision, _decision(photo, verdicts)))
        if not decided:
            opinion = Opinion(other.slug, dice.random())
            entry = _entry(photo, smiley, other, opinion, verdicts, flags)
            seen_by = "".join(f"|{user.pk}" for user in chosen)
            rows.append((QueueEntry, {**entry, "reviewed_by": f"{seen_by}|" if seen_by else ""}))
        yield rows


def _photo(
    dice: random.Random,
    participant: uuid.UUID,
    consent: int,
    smiley: Smiley,
    sent_at: datetime,
    decided: bool,
    accepted: bool,
) -> dict[str, Any]:
    state = ("accepted" if accepted else "rejected") if decided else "in_review"
    return {
        "id": _uuid(dice),
        "participant_id": participant,
        "consent_id": consent,
        "import_batch_id": None,
        "smiley_id": smiley.pk,
        "client_id": _uuid(dice),
        "state": state,
        "accepted_as_id": smiley.pk if state == "accepted" else None,
        "file": "none",
        "width": 1280,
        "height": 720,
        "size": 200_000,
        "sha256": f"{dice.getrandbits(256):064x}",
        "upload_sha256": f"{dice.getrandbits(256):064x}",
        "live_score": None,
        "created_at": sent_at,
        "processed_at": sent_at,
    }


def _seen(
    dice: random.Random, photo: dict[str, Any], flags: dict[str, float]
) -> list[tuple[type[models.Model], dict[str, Any]]]:
    bits = dice.getrandbits(64) - 2**63
    analysis = {"photo_id": photo["id"], "flags": flags, "perceptual_hash": bits}
    face = {
        "id": _uuid(dice),
        "photo_id": photo["id"],
        "is_subject": True,
        **dict.fromkeys(("x", "y", "width", "height"), 200.0),
        **dict.fromkeys(("score", "yaw", "pitch", "roll", "sharpness", "brightness"), 1.0),
        "flags": {},
        "crop": "none",
        "transform": [[1, 0, 0], [0, 1, 0]],
        "created_at": photo["created_at"],
    }
    return [(Analysis, {**analysis, "analysed_at": photo["created_at"], "compared": True}), (Face, face)]


def _review(
    pk: int, photo: dict[str, Any], reviewer: User, verdict: str, at: datetime, dice: random.Random
) -> dict[str, Any]:
    return {
        "id": pk,
        "photo_id": photo["id"],
        "reviewer_id": reviewer.pk,
        "kind": "decide",
        "mode": dice.choice(("grid", "single")),
        "verdict": verdict,
        "smiley_id": None,
        "reason": "not_trying" if verdict == "reject" else "",
        "seconds": dice.uniform(0.3, 6),
        "created_at": at,
        "set_aside_at": None,
    }


def _decision(photo: dict[str, Any], verdicts: tuple[str, ...]) -> dict[str, Any]:
    decided = photo["state"] in ("accepted", "rejected")
    return {
        "photo_id": photo["id"],
        "outcome": photo["state"] if decided else "open",
        "smiley_id": photo["accepted_as_id"],
        "imported_as_id": None,
        "votes": len(verdicts) if decided else min(len(verdicts), 1),
        "ballots": len(verdicts),
        "by_reviews": decided,
        "changed_at": photo["created_at"],
        "reopened_at": None,
    }


def _entry(
    photo: dict[str, Any],
    smiley: Smiley,
    other: Smiley,
    opinion: Opinion,
    verdicts: tuple[str, ...],
    flags: dict[str, float],
) -> dict[str, Any]:
    tally = count(smiley.slug, [Ballot(verdict, reason="not_trying") for verdict in verdicts])
    base = doubt(smiley.slug, tally, opinion) + age(photo["created_at"])
    return {
        "photo_id": photo["id"],
        "smiley_id": smiley.pk,
        "sent_at": photo["created_at"],
        "base": base,
        "worth": base + 1,
        "hard": tally.votes < tally.ballots,
        "flags": "".join(f"|{name}" for name in flags) + "|" if flags else "",
        "reviewers_disagree": tally.votes < tally.ballots,
        "model_disagrees": other.pk != smiley.pk,
        "model_smiley_id": other.pk,
        "model_share": opinion.prompt_share,
        "claimed_by_id": None,
        "claimed_until": None,
    }


def _uuid(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128))


def _next_id(model: type[models.Model]) -> int:
    return (model._default_manager.aggregate(newest=models.Max("pk"))["newest"] or 0) + 1


def _write(model: type[models.Model], records: list[dict[str, Any]]) -> None:
    columns = list(records[0])
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:  # type: ignore[attr-defined]
                for record in records:
                    copy.write_row([_json(value) for value in record.values()])
            if "id" in columns and not isinstance(records[0]["id"], uuid.UUID):
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{model._meta.db_table}', 'id'), %s)",
                               [records[-1]["id"]])  # fmt: skip
        else:
            marks = ", ".join(["%s"] * len(columns))
            rows = [[_plain(value) for value in record.values()] for record in records]
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def _json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return _json(value)
