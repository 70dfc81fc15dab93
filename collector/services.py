"""The use cases of collecting: consent, submission, and the way back.

Rows are locked in one order by everybody, so that two transactions never wait for each other: the participant,
photos by id, smileys by id, and what the higher rooms lock after that.
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from operations.audit import audit_record, audit_record_each
from operations.problems import Problem

from .counts import accepted_add, participants_add, photo_came, smileys_lock
from .files import atomic_with_files, files_erase, told_when_full
from .intake.receive import clean_picture
from .models import (
    Consent,
    ConsentText,
    ImportBatch,
    Participant,
    Photo,
    PhotoQuerySet,
    Scope,
    Smiley,
    Tombstone,
)
from .quota import quota_left, quota_reached, quota_use
from .selectors import consent_in_force, consent_text_current
from .signals import (
    consent_revoked,
    participant_withdrawn,
    photo_state_changed,
    photo_submitted,
    photos_withdrawn,
    sharing_ended,
)
from .withdrawn_imports import import_refuse_withdrawn, imports_note_withdrawn

_BATCH = 500


@transaction.atomic
def consent_give(
    *, participant: Participant | None, text: ConsentText, scopes: Collection[str], age_affirmed: bool
) -> Consent:
    """Record what somebody agrees to; a newcomer becomes a participant by it.

    For a participant, no scopes at all means: revoked, for later photos and for every use from now on.
    """
    unknown = set(scopes) - set(Scope.values)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise Problem("scope_unknown", _("There is no scope %(names)s.") % {"names": names})
    if text.version != consent_text_current(text.language).version:
        raise Problem("consent_outdated", _("The text has changed: read the new one."), status=409)
    if Scope.TRAIN not in scopes and (participant is None or scopes):
        raise Problem("scope_required", _("Without training the networks there is nothing to take part in."))
    if not age_affirmed and scopes:
        age = _("You have to be at least %(age)d years old.") % {"age": settings.MINIMUM_AGE}
        raise Problem("age_required", age)
    consent = _consent_write(participant or Participant.objects.create(), text, scopes)
    if participant is None:
        participants_add(1)
    return consent


@transaction.atomic
def consent_change(*, participant: Participant, scope: str, allowed: bool) -> Consent:
    """Allow one thing more or one thing less than the consent in force does.

    Less binds all photos, more binds later ones. Without training everything is revoked. Less is possible under
    a text that has changed since; for more the new one has to be read. Raises Problem.
    """
    Participant.objects.select_for_update().filter(pk=participant.pk).first()  # one change after the other
    current = consent_in_force(participant)
    if current is None:
        raise consent_required()
    if scope not in Scope.values:
        raise Problem("scope_unknown", _("There is no scope %(names)s.") % {"names": scope})
    if allowed:
        scopes = {*current.scopes, scope}
        return consent_give(participant=participant, text=current.text, scopes=scopes, age_affirmed=True)
    left = set() if scope == Scope.TRAIN else set(current.scopes) - {scope}
    return _consent_write(participant, current.text, left)


def _consent_write(participant: Participant, text: ConsentText, scopes: Collection[str]) -> Consent:
    former = consent_in_force(participant)
    consent = Consent.objects.create(
        participant=participant, text=text, **{scope: scope in scopes for scope in Scope.values}
    )
    if not consent.train:
        consent_revoked.send(sender=Consent, participant=participant)
    if former is not None and former.share_in_release and not consent.share_in_release:
        sharing_ended.send(sender=Consent, consent=consent)
    return consent


def consent_required() -> Problem:
    return Problem("consent_required", _("Read the consent text and agree to it first."), status=403)


def photo_submit(
    *,
    participant: Participant,
    smiley: Smiley,
    client_id: uuid.UUID,
    data: bytes,
    live_score: float | None = None,
) -> tuple[Photo, bool]:
    """Take in a volunteer's upload. Returns the photo, and whether it is new.

    When this returns, the photo is safe on disk and in the database. Raises Problem, and then nothing is kept.
    """
    consent = _consent_that_allows(participant)
    room = quota_left(participant)  # looked at first, for the repeat found next may be what has used it up
    if repeated := _repeated(participant, client_id, data):
        return repeated, False
    if not room:
        raise quota_reached(participant)
    return _photo_store(
        participant, smiley, client_id, data, consent=consent, import_batch=None, live_score=live_score
    )


def photo_import(
    *,
    batch: ImportBatch,
    participant: Participant,
    smiley: Smiley,
    client_id: uuid.UUID,
    data: bytes,
    photo_id: uuid.UUID | None = None,
) -> tuple[Photo, bool]:
    """Take in a research picture, through the same checks and without a consent. `photo_id` is the id that it had
    elsewhere, and keeps.

    What was withdrawn from this import before is refused (Problem withdrawn_before).
    """
    if repeated := _repeated(participant, client_id, data):
        return repeated, False
    sha256 = hashlib.sha256(data).hexdigest()
    import_refuse_withdrawn(batch=batch, client_id=client_id, upload_sha256=sha256, photo_id=photo_id)
    return _photo_store(
        participant, smiley, client_id, data, consent=None, import_batch=batch, photo_id=photo_id
    )


@told_when_full()
def _photo_store(
    participant: Participant,
    smiley: Smiley,
    client_id: uuid.UUID,
    data: bytes,
    *,
    consent: Consent | None,
    import_batch: ImportBatch | None,
    live_score: float | None = None,
    photo_id: uuid.UUID | None = None,
) -> tuple[Photo, bool]:
    picture = clean_picture(data)
    now = timezone.now()
    photo = Photo(
        pk=photo_id or uuid.uuid4(),
        participant=participant,
        smiley=smiley,
        client_id=client_id,
        consent=consent,
        import_batch=import_batch,
        live_score=live_score,
        created_at=now,
        width=picture.width,
        height=picture.height,
        size=len(picture.jpeg),
        sha256=hashlib.sha256(picture.jpeg).hexdigest(),
        upload_sha256=hashlib.sha256(data).hexdigest(),
    )
    # The file first: a row without its file is a lost photo, a file without its row is an orphan that a round finds.
    # A photo that brings its id along may be there already, and its file is not the one to delete then.
    name = Photo.file_name(uuid.uuid4() if photo_id else photo.pk, now)
    photo.file = default_storage.save(name, ContentFile(picture.jpeg))
    try:
        with atomic_with_files(photo.file):
            if consent is not None:
                # Locked, so that two uploads at once cannot both be the last one the quota allows,
                # and a withdrawal or a revocation that came while we decoded is seen.
                locked = Participant.objects.select_for_update().get(pk=participant.pk)
                _consent_that_allows(participant)
                # The same upload may have come in twice at once: the insert below finds out, and no quota counts it.
                if not quota_left(participant) and _repeated(participant, client_id, data) is None:
                    raise quota_reached(participant)
                quota_use(locked)
            photo.save(force_insert=True)
            photo_submitted.send(sender=Photo, photo=photo)
            photo_came(now)
    except Participant.DoesNotExist:
        raise consent_required() from None
    except IntegrityError:
        if repeated := _repeated(participant, client_id, data):
            return repeated, False
        raise
    return photo, True


def _repeated(participant: Participant, client_id: uuid.UUID, data: bytes) -> Photo | None:
    photo = (
        Photo.objects.filter(participant=participant, client_id=client_id).select_related("smiley").first()
    )
    if photo is not None and photo.upload_sha256 != hashlib.sha256(data).hexdigest():
        raise Problem(
            "client_id_reused", _("This client_id names another photo: choose a new one."), status=409
        )
    return photo


def _consent_that_allows(participant: Participant) -> Consent:
    consent = consent_in_force(participant)
    if consent is None:
        raise consent_required()
    if not consent.train:
        raise Problem(
            "consent_revoked", _("You have taken your consent back: agree again to send photos."), status=403
        )
    if consent.text.version != consent_text_current(consent.text.language).version:
        raise Problem("consent_outdated", _("The consent text has changed: read the new one."), status=403)
    return consent


@transaction.atomic
def photo_processed(*, photo: Photo, face_found: bool) -> bool:
    """Record that the detectors have seen the photo. False when they already had, or when it is gone."""
    now_in = Photo.State.IN_REVIEW if face_found else Photo.State.NO_FACE
    if Participant.objects.filter(pk=photo.participant_id, muted_at__isnull=False).exists():
        now_in = Photo.State.QUARANTINE
    first = Photo.objects.filter(pk=photo.pk, processed_at=None).update(processed_at=timezone.now())
    if first:
        Photo.objects.filter(pk=photo.pk, state=Photo.State.RECEIVED).update(state=now_in)
        photo_state_changed.send(sender=Photo, photo=photo)
    return bool(first)


@transaction.atomic
def photo_decided(
    *, photo: Photo, accepted_as: Smiley | None, open_again: bool = False, hidden: bool = False
) -> None:
    """Record on the photo what was decided about it: accepted as a smiley, rejected, hidden, or open again."""
    current = Photo.objects.select_for_update().get(pk=photo.pk)
    before, after = current.accepted_as_id, accepted_as.pk if accepted_as else None
    smileys_lock({before, after})
    if accepted_as is not None:
        state = Photo.State.ACCEPTED
    elif hidden:
        state = Photo.State.HIDDEN
    elif open_again:
        state = Photo.State.IN_REVIEW if current.processed_at else Photo.State.RECEIVED
    else:
        state = Photo.State.REJECTED
    Photo.objects.filter(pk=photo.pk).update(state=state, accepted_as=accepted_as)
    for smiley_id, by in ((before, -1), (after, 1)):
        if smiley_id is not None and before != after:
            others = Photo.objects.filter(participant=current.participant_id, accepted_as=smiley_id)
            new_person = not others.exclude(pk=photo.pk).exists()
            accepted_add(smiley_id, photos=by, people=by * new_person)
    photo_state_changed.send(sender=Photo, photo=photo)


@transaction.atomic
def photo_withdraw(*, photo: Photo, actor: str) -> Tombstone:
    """Take a photo back: its rows go now, its files right after, its opaque id stays as a tombstone.

    Taking back what is gone already changes nothing: two clicks may arrive at once.
    """
    _withdraw(Photo.objects.filter(pk=photo.pk), actor)
    return Tombstone.objects.get(pk=photo.pk)


@transaction.atomic
def participant_withdraw(*, participant: Participant, actor: str) -> int:
    """Take everything back: all photos, all consents, the participant. Returns how many photos went."""
    # Locked against an upload that is being committed at this moment.
    current = Participant.objects.select_for_update().filter(pk=participant.pk).first()
    if current is None:
        return 0
    count = _withdraw(Photo.objects.filter(participant=current), actor)
    participant_withdrawn.send(sender=Participant, participant=current)
    audit_record(
        actor=actor, action="participant_withdrawn", subject=f"participant:{current.pk}", photos=count
    )
    taking_part = current.consents.exists()
    current.delete()
    participants_add(-taking_part)
    return count


def _withdraw(photos: PhotoQuerySet, actor: str) -> int:
    """Take back photos of one participant, all in the caller's transaction. Returns how many went."""
    facts = ("participant", "accepted_as", "file", "import_batch", "client_id", "upload_sha256")
    locked = list(photos.select_for_update().order_by("pk").only("pk", *facts))
    if not locked:
        return 0
    accepted = Counter(photo.accepted_as_id for photo in locked if photo.accepted_as_id is not None)
    smileys_lock(accepted)
    subjects = [f"photo:{photo.pk}" for photo in locked]
    # There is one already of a photo that left the data sets when its consent was revoked.
    stones = (Tombstone(photo_id=photo.pk) for photo in locked)
    Tombstone.objects.bulk_create(stones, batch_size=_BATCH, ignore_conflicts=True)
    for start in range(0, len(locked), _BATCH):
        # Said anew, for whoever reads the list by its dates has read that they are gone from releases alone.
        some = [photo.pk for photo in locked[start : start + _BATCH]]
        before = Tombstone.objects.filter(pk__in=some, scope=Tombstone.Scope.RELEASES)
        before.update(scope=Tombstone.Scope.EVERYWHERE, withdrawn_at=timezone.now())
    imports_note_withdrawn(locked)
    photos_withdrawn.send(sender=Photo, photos=photos)
    files_erase(subject=subjects[0], names=[photo.file for photo in locked])
    audit_record_each(actor=actor, action="photo_withdrawn", subjects=subjects)
    for start in range(0, len(locked), _BATCH):
        photos.filter(pk__in=[photo.pk for photo in locked[start : start + _BATCH]]).delete()
    left = Photo.objects.filter(participant=locked[0].participant_id, accepted_as__in=accepted)
    still = set(left.values_list("accepted_as", flat=True))
    for smiley_id, count in accepted.items():
        accepted_add(smiley_id, photos=-count, people=0 if smiley_id in still else -1)
    return len(locked)
