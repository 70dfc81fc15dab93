"""Consent: what may be agreed to, what it allows, and how it narrows."""

import uuid
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from collector import participants
from collector.models import Consent, ConsentText, Participant, Photo, Scope, Smiley, Tombstone
from collector.selectors import consent_in_force, consent_text_current, photos_of
from collector.services import consent_give, participant_withdraw, photo_decided
from operations.models import AuditEvent
from operations.problems import Problem

from .conftest import Browser, problem

ALL = list(Scope.values)
CONSENTS = "/api/v1/consents/"


def give(participant: Participant | None, *scopes: str, **changes: Any) -> Consent:
    asked: dict[str, Any] = {"text": consent_text_current("en"), "age_affirmed": True, **changes}
    return consent_give(participant=participant, scopes=scopes, **asked)


def accepted(photo: Photo) -> Photo:
    photo_decided(photo=photo, accepted_as=photo.smiley)
    return photo


def agreement(**changes: Any) -> dict[str, Any]:
    return {
        "consent_text": consent_text_current("en").pk,
        "scopes": ["train"],
        "age_affirmed": True,
        **changes,
    }


# --- what may be agreed to


def test_newcomer_becomes_a_participant_with_a_cookie(stranger: Browser) -> None:
    answer = stranger.post_json(CONSENTS, agreement(scopes=["train", "show_as_example"]))
    assert answer.status_code == 201
    consent = Consent.objects.get()
    assert (consent.train, consent.show_as_example, consent.share_in_release) == (True, True, False)
    assert answer.json()["scopes"] == ["train", "show_as_example"]
    cookie = answer.cookies[participants.COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Lax",
        "/",
    )
    assert not cookie["domain"]
    assert str(consent.participant_id) not in cookie.value, (
        "the id is not to be read off the cookie, nor guessed"
    )
    assert stranger.get("/api/v1/photos/").json()["results"] == []


def test_second_consent_is_the_same_participants(browser: Browser, participant: Participant) -> None:
    assert browser.post_json(CONSENTS, agreement()).status_code == 201
    assert Participant.objects.get() == participant
    assert consent_in_force(participant).scopes == ["train"]
    assert participant.consents.count() == 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"scopes": []}, 400, "scope_required"),
        ({"scopes": ["show_as_example"]}, 400, "scope_required"),
        ({"scopes": ["train", "sell"]}, 400, "scope_unknown"),
        ({"scopes": "train"}, 400, "validation_failed"),
        ({"scopes": ["train"] * 11}, 400, "validation_failed"),
        ({"scopes": ["train", "\0"]}, 400, "validation_failed"),
        ({"age_affirmed": False}, 400, "age_required"),
        ({"age_affirmed": None}, 400, "validation_failed"),
        ({"consent_text": 0}, 400, "validation_failed"),
        ({"consent_text": "\0"}, 400, "validation_failed"),
    ],
)
@pytest.mark.database
def test_incomplete_agreement_is_none(
    stranger: Browser, changes: dict[str, Any], status: int, code: str
) -> None:
    problem(stranger.post_json(CONSENTS, agreement(**changes)), status, code)
    assert not Participant.objects.exists()
    assert participants.COOKIE not in stranger.client.cookies


@pytest.mark.parametrize("body", ["", "{", "[]", '"train"', "null", "\xff"])
def test_body_that_is_no_object_is_refused(stranger: Browser, body: str) -> None:
    answer = stranger.post(CONSENTS, body.encode("latin-1"), content_type="application/json")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Participant.objects.exists()


def test_consent_needs_the_csrf_token(stranger: Browser) -> None:
    problem(stranger.post_json(CONSENTS, agreement(), token=""), 403, "csrf_failed")


def test_age_is_asked_for_as_configured(stranger: Browser, settings: Any) -> None:
    settings.MINIMUM_AGE = 21
    assert stranger.get("/api/v1/consent-text/").json()["minimum_age"] == 21
    refusal = problem(stranger.post_json(CONSENTS, agreement(age_affirmed=False)), 400, "age_required")
    assert "21" in refusal["detail"]


def test_consent_text_shows_what_is_agreed_to(stranger: Browser) -> None:
    text = stranger.get("/api/v1/consent-text/").json()
    assert [scope["name"] for scope in text["scopes"]] == ALL
    assert [scope["required"] for scope in text["scopes"]] == [True, False, False]
    assert text["body"]
    assert len(text["sha256"]) == 64


def test_a_changed_text_is_asked_for_again(participant: Participant) -> None:
    former = consent_text_current("en")
    ConsentText.objects.create(version=2, language="en", body=[], sha256="0" * 64)
    with pytest.raises(Problem) as refusal:
        give(participant, *ALL, text=former)
    assert refusal.value.code == "consent_outdated"
    give(participant, *ALL)
    assert consent_in_force(participant).text.version == 2


# --- what it allows


def test_accepted_photo_may_be_shown_and_trained_on(photo: Photo) -> None:
    assert not Photo.objects.examples().exists()
    assert not Photo.objects.trainable().exists()
    accepted(photo)
    assert list(Photo.objects.examples()) == [photo]
    assert list(Photo.objects.trainable()) == [photo]


def test_narrowing_binds_all_photos(photo: Photo, participant: Participant) -> None:
    accepted(photo)
    give(participant, "train")
    assert not Photo.objects.examples().exists()
    assert list(Photo.objects.trainable()) == [photo]


def test_widening_binds_later_photos_only(photo: Photo, participant: Participant, smiley: Smiley) -> None:
    accepted(photo)
    narrow = give(participant, "train")
    Photo.objects.filter(pk=photo.pk).update(consent=narrow)
    give(participant, *ALL)
    assert not Photo.objects.examples().exists(), "this one was given under a consent that did not allow it"
    later = Photo.objects.get(pk=photo.pk)
    later.pk, later.client_id, later.consent = None, uuid.uuid4(), consent_in_force(participant)
    later.save(force_insert=True)
    assert list(Photo.objects.examples()) == [later]


def test_revoking_ends_every_use_and_keeps_the_way_back(photo: Photo, participant: Participant) -> None:
    accepted(photo)
    give(participant, age_affirmed=False)
    assert not Photo.objects.examples().exists()
    assert not Photo.objects.trainable().exists()
    assert list(photos_of(participant)) == [photo], "it is still theirs to see and to take back"


def test_agreeing_again_holds_for_later_photos_only(
    photo: Photo, participant: Participant, smiley: Smiley
) -> None:
    accepted(photo)
    give(participant, age_affirmed=False)
    again = give(participant, *ALL)
    assert not Photo.objects.trainable().exists()
    assert not Photo.objects.examples().exists()
    later = Photo.objects.get(pk=photo.pk)
    later.pk, later.client_id, later.consent = uuid.uuid4(), uuid.uuid4(), again
    later.save(force_insert=True)
    assert list(Photo.objects.trainable()) == list(Photo.objects.examples()) == [later]


def test_revoking_through_the_api(browser: Browser, participant: Participant) -> None:
    answer = browser.post_json(CONSENTS, agreement(scopes=[], age_affirmed=False))
    assert answer.status_code == 201
    assert consent_in_force(participant).scopes == []


@pytest.mark.database
@pytest.mark.parametrize("scopes", [(), ("train",), ("train", "show_as_example")])
def test_one_persons_consent_says_nothing_about_anothers(
    photo: Photo, participant: Participant, smiley: Smiley, scopes: tuple[str, ...]
) -> None:
    """Beside people who allow everything, and people who allow nothing any more."""
    accepted(photo)
    others = {}
    for name, later in {"generous": ALL, "gone": []}.items():
        other = Photo.objects.get(pk=photo.pk)
        consent = give(None, *ALL)
        other.pk, other.client_id, other.participant, other.consent = (
            uuid.uuid4(),
            uuid.uuid4(),
            consent.participant,
            consent,
        )
        other.save(force_insert=True)
        give(consent.participant, *later, age_affirmed=bool(later))
        others[name] = other
    give(participant, *scopes, age_affirmed=bool(scopes))
    generous = others["generous"]
    assert set(Photo.objects.trainable()) == {generous, *([photo] if "train" in scopes else [])}
    assert set(Photo.objects.examples()) == {generous, *([photo] if "show_as_example" in scopes else [])}


def test_of_two_consents_at_the_same_moment_the_later_holds(participant: Participant, photo: Photo) -> None:
    accepted(photo)
    now = timezone.now()
    text = consent_text_current("en")
    for show in (True, False):
        Consent.objects.create(
            participant=participant,
            text=text,
            agreed_at=now,
            train=True,
            show_as_example=show,
            share_in_release=False,
        )
    assert not consent_in_force(participant).show_as_example
    assert not Photo.objects.examples().exists()


# --- what never changes


def test_consents_and_texts_never_change(participant: Participant) -> None:
    consent, text = consent_in_force(participant), consent_text_current("en")
    for row in (consent, text):
        with pytest.raises(TypeError):
            row.save()
        with pytest.raises(TypeError):
            type(row).objects.filter(pk=row.pk).update(pk=row.pk)
    with pytest.raises(TypeError), transaction.atomic():
        Consent.objects.bulk_update([consent], ["train"])


def test_tombstones_stay(photo: Photo, participant: Participant) -> None:
    participant_withdraw(participant=participant, actor="participant")
    stone = Tombstone.objects.get()
    with pytest.raises(TypeError):
        stone.delete()
    with pytest.raises(TypeError):
        Tombstone.objects.all().delete()
    assert not Consent.objects.exists(), "the consents go with the participant, and only so"


def test_audit_log_is_append_only(photo: Photo, participant: Participant) -> None:
    participant_withdraw(participant=participant, actor="participant")
    event = AuditEvent.objects.first()
    for attempt in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(actor="nobody"),
        lambda: AuditEvent.objects.bulk_update([event], ["actor"]),
        lambda: AuditEvent.objects.update_or_create(pk=event.pk, defaults={"actor": "nobody"}),
    ):
        with pytest.raises(TypeError), transaction.atomic():
            attempt()
    assert AuditEvent.objects.get(pk=event.pk).actor == event.actor
