"""What was taken back is taken back for good, also where an older back-up of the database is put in place.

Each withdrawal, each revocation and each end of sharing is a line of a file outside the database and its back-ups,
FORGETTING_LOG, appended by a job that is written with it. Before the site starts, the file is compared with the
database. Photos stand there by their id, as among the tombstones, and people by a digest of theirs: nothing leads back
to them.
"""

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, transaction
from django.dispatch import receiver
from django.utils import timezone

from operations.jobs.registry import job_handler
from operations.jobs.running import RunningJob
from operations.jobs.services import job_enqueue
from operations.models import Job

from .models import Consent, Participant, Photo, PhotoQuerySet, Scope
from .selectors import consent_in_force
from .services import consent_change, participant_withdraw, photo_withdraw
from .signals import consent_revoked, participant_withdrawn, photos_withdrawn, sharing_ended

JOB = "collector.log_forgetting"
_AT_ONCE = 500
_LONGEST = 1000  # bytes of a line, and more


@receiver(photos_withdrawn)
def _note_photos(photos: PhotoQuerySet, **kwargs: Any) -> None:
    ids = [str(pk) for pk in photos.order_by("pk").values_list("pk", flat=True)]
    for start in range(0, len(ids), _AT_ONCE):
        _note("photo", ids[start : start + _AT_ONCE])


@receiver(participant_withdrawn)
def _note_participant(participant: Participant, **kwargs: Any) -> None:
    _note("participant", [_digest(participant.pk)])


@receiver(consent_revoked)
def _note_revoked(participant: Participant, **kwargs: Any) -> None:
    _note("revoked", [_digest(participant.pk)])


@receiver(sharing_ended)
def _note_unshared(consent: Consent, **kwargs: Any) -> None:
    _note("unshared", [_digest(consent.participant_id)])


def _digest(participant: uuid.UUID) -> str:
    return hashlib.sha256(participant.bytes).hexdigest()


def _note(what: str, ids: list[str]) -> None:
    """Of a list of ids the first names the job. A person may revoke twice: each time it is said anew."""
    lines = [{"at": timezone.now().isoformat(), what: one} for one in ids]
    job_enqueue(
        name=JOB, subject=f"{what}:{ids[0]}", payload={"lines": lines}, priority=Job.Priority.WAITED_FOR
    )


@job_handler(JOB, queue="media", time_limit=60)
def _append(job: RunningJob) -> None:
    path = Path(settings.FORGETTING_LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(line)}\n" for line in job.payload["lines"])
    with open(path, "a+b", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(_whole_lines(file))
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _whole_lines(file: IO[bytes]) -> int:
    """Where the last line ends. What a full disk or a power cut has left after it, its job writes again."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _LONGEST, 0))
    tail = file.read()
    return size - len(tail) + tail.rfind(b"\n") + 1


@dataclass
class Returned:
    """What is in the database although it was taken back."""

    photos: list[uuid.UUID] = field(default_factory=list)
    participants: list[uuid.UUID] = field(default_factory=list)
    revoked: list[uuid.UUID] = field(default_factory=list)
    unshared: list[uuid.UUID] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.photos) + len(self.participants) + len(self.revoked) + len(self.unshared)


def returned() -> Returned:
    """Compare the log with the database."""
    found, gone = Returned(), set[str]()
    ended: dict[str, dict[str, datetime]] = {"revoked": {}, "unshared": {}}
    lines = _lines()
    while some := list(islice(lines, _AT_ONCE)):
        photos = [line["photo"] for line in some if "photo" in line]
        found.photos += Photo.objects.filter(pk__in=photos).values_list("pk", flat=True)
        gone |= {line["participant"] for line in some if "participant" in line}
        for what, when in ended.items():
            when |= {line[what]: datetime.fromisoformat(line["at"]) for line in some if what in line}
    for participant in Participant.objects.iterator() if gone or any(ended.values()) else ():
        digest = _digest(participant.pk)
        if digest in gone:
            found.participants.append(participant.pk)
        elif _allows_again(participant, Scope.TRAIN, ended["revoked"].get(digest)):
            found.revoked.append(participant.pk)
        elif _allows_again(participant, Scope.SHARE_IN_RELEASE, ended["unshared"].get(digest)):
            found.unshared.append(participant.pk)
    return found


def _lines() -> Iterator[dict[str, str]]:
    path = Path(settings.FORGETTING_LOG)
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                said = json.loads(line)
                if "photo" in said:
                    uuid.UUID(said["photo"])
                datetime.fromisoformat(said["at"])
            except (ValueError, TypeError, KeyError, AttributeError):
                if line.strip() and line.endswith("\n"):
                    raise ValueError(f"{settings.FORGETTING_LOG}, line {number} cannot be read.") from None
                continue  # an empty line, or the rest of one: its job writes it again
            yield said


def _allows_again(participant: Participant, scope: Scope, ended_at: datetime | None) -> bool:
    """Whether the consent in force has a scope, and is from before that was taken back."""
    if ended_at is None:
        return False
    consent = consent_in_force(participant)
    return consent is not None and scope in consent.scopes and consent.agreed_at < ended_at


def forget_again() -> Returned:
    """Take back what came back with a back-up; each in a transaction of its own, so that it can be interrupted."""
    found = returned()
    for participant in Participant.objects.filter(pk__in=found.participants):
        participant_withdraw(participant=participant, actor="system")
    for pk in found.photos:
        with transaction.atomic():
            for photo in Photo.objects.filter(pk=pk):
                photo_withdraw(photo=photo, actor="system")
    for people, scope in ((found.revoked, Scope.TRAIN), (found.unshared, Scope.SHARE_IN_RELEASE)):
        for participant in Participant.objects.filter(pk__in=people):
            consent_change(participant=participant, scope=scope, allowed=False)
    return found


@register(Tags.database)
def check_nothing_returned(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start where something that was taken back would be served."""
    if not databases:
        return []
    try:
        found = returned()
    except DatabaseError:
        return []  # not migrated yet: it is checked again once it is
    except (OSError, ValueError) as error:
        return [
            Error(
                str(error),
                hint="Bring the file back as it was, or remove the broken line.",
                id="collector.E002",
            )
        ]
    if not found:
        return []
    return [
        Error(
            f"The database holds {len(found.photos)} photos and {len(found.participants)} participants that were"
            f" withdrawn, and {len(found.revoked) + len(found.unshared)} consents that were narrowed: it is from an"
            " older back-up.",
            hint="Run `python manage.py forget_again`, and start again.",
            id="collector.E001",
        )
    ]
