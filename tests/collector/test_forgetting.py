"""What was taken back stays so, also after an older back-up of the database was put in its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from collector.forgetting import JOB
from collector.models import Consent, Participant, Photo, Scope
from collector.services import consent_change, consent_give, participant_withdraw, photo_withdraw
from operations.jobs import running
from operations.models import Job


@pytest.fixture
def log(tmp_path: Path, settings: Any) -> Path:
    settings.FORGETTING_LOG = str(tmp_path / "elsewhere" / "forgetting.jsonl")
    return Path(settings.FORGETTING_LOG)


def work() -> None:
    for job in Job.objects.filter(kind=JOB, state=Job.State.QUEUED):
        running.run(str(job.pk))


def start() -> None:
    call_command("check", tags=["database"], databases=["default"])


def test_each_withdrawal_is_a_line_outside_the_database(log: Path, photo: Photo) -> None:
    photo_withdraw(photo=photo, actor="participant")
    participant_withdraw(participant=photo.participant, actor="participant")
    assert not log.exists(), "not before the withdrawal is committed"
    work()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    said = {(what, line[what]) for line in lines for what in line.keys() - {"at"}}
    assert ("photo", str(photo.pk)) in said
    assert {what for what, _ in said} == {"photo", "participant"}
    assert str(photo.participant_id) not in log.read_text(), "nothing leads back to the person"
    assert log.stat().st_mode & 0o077 == 0
    start()


def test_site_with_an_older_back_up_does_not_start_until_all_is_forgotten_again(
    log: Path, photo: Photo
) -> None:
    owner, consent = photo.participant, photo.consent
    photo_withdraw(photo=Photo.objects.get(pk=photo.pk), actor="participant")
    work()
    start()
    photo.save(force_insert=True)  # as the back-up has it
    with pytest.raises(SystemCheckError, match="1 photos and 0 participants") as refusal:
        start()
    assert "forget_again" in str(refusal.value)
    call_command("forget_again")
    assert not Photo.objects.exists()
    start()

    participant_withdraw(participant=Participant.objects.get(), actor="participant")
    work()
    for row in (owner, consent, photo):
        row._state.adding = True
        row.save(force_insert=True)
    with pytest.raises(SystemCheckError, match="1 photos and 1 participants"):
        start()
    call_command("forget_again")
    assert not Participant.objects.exists()
    start()


def test_revoked_consent_is_revoked_again_but_for_who_agreed_anew(
    log: Path, participant: Participant
) -> None:
    revoked = consent_change(participant=participant, scope=Scope.TRAIN, allowed=False)
    work()
    start()
    Consent.objects.filter(pk=revoked.pk).delete()
    with pytest.raises(SystemCheckError, match="1 consents"):
        start()
    call_command("forget_again")
    assert not participant.consents.latest().train
    work()
    start()
    consent_give(participant=participant, text=revoked.text, scopes=Scope.values, age_affirmed=True)
    start()


def test_sharing_that_was_ended_is_ended_again(log: Path, participant: Participant) -> None:
    ended = consent_change(participant=participant, scope=Scope.SHARE_IN_RELEASE, allowed=False)
    consent_change(participant=participant, scope=Scope.SHOW_AS_EXAMPLE, allowed=False)
    work()
    assert [line.keys() - {"at"} for line in map(json.loads, log.read_text().splitlines())] == [{"unshared"}]
    start()
    Consent.objects.filter(pk__gte=ended.pk).delete()
    with pytest.raises(SystemCheckError, match="1 consents"):
        start()
    call_command("forget_again")
    assert participant.consents.latest().scopes == ["train", "show_as_example"]
    work()
    start()


def test_half_a_line_is_written_again_and_a_broken_one_named(log: Path, photo: Photo) -> None:
    photo_withdraw(photo=photo, actor="participant")
    work()
    whole = log.read_text()
    log.write_text(whole + whole[:20])
    start()
    participant_withdraw(participant=photo.participant, actor="participant")
    work()
    assert log.read_text().startswith(whole)
    assert [len(json.loads(line)) for line in log.read_text().splitlines()] == [2, 2]
    log.write_text(f"{whole}{whole[:20]}\n")
    with pytest.raises(SystemCheckError, match="line 2 cannot be read"):
        start()


@pytest.mark.django_db
def test_without_a_log_nothing_was_taken_back(log: Path) -> None:
    start()
