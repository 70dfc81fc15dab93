"""The counts that pages show: kept by the services, never below nothing, and corrected each day."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collector.counts import counts_correct, participants_count, photos_a_day
from collector.models import Participant, Photo, Smiley, Tally
from collector.selectors import collection_progress, consent_text_current
from collector.services import consent_give, participant_withdraw, photo_decided, photo_withdraw
from tests.operations.conftest import do_round

from .conftest import Browser
from .test_many_withdrawals import at_once
from .test_withdrawal import newcomer, send

pytestmark = pytest.mark.django_db


def test_people_are_counted_as_they_come_and_go() -> None:
    assert participants_count() == 0
    first, second = newcomer(), newcomer()
    Participant.objects.create()  # of an import: consented to nothing
    assert collection_progress()["participants"] == 2
    # Changing one's mind makes nobody come or go.
    text = consent_text_current("en")
    consent_give(participant=first, text=text, scopes=[], age_affirmed=False)
    assert participants_count() == 2
    for _ in range(2):
        participant_withdraw(participant=first, actor="participant")
    assert participants_count() == 1
    participant_withdraw(participant=second, actor="participant")
    assert participants_count() == 0


def test_withdrawing_an_imported_person_makes_nobody_of_the_others_go() -> None:
    newcomer()
    participant_withdraw(participant=Participant.objects.create(), actor="staff:alice")
    assert participants_count() == 1


def test_photos_are_counted_on_the_day_they_came_and_stay_counted(private_folder: Any) -> None:
    today = timezone.now().date()
    photo = send(participant := newcomer())
    send(participant)
    photo_withdraw(photo=photo, actor="participant")
    assert photos_a_day(until=today, days=2) == [(today - timedelta(days=1), 0), (today, 2)]


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_people_who_come_and_go_at_once_are_all_counted() -> None:
    going = [newcomer() for _ in range(6)]
    works = [lambda p=person: participant_withdraw(participant=p, actor="participant") for person in going]
    assert at_once([*works, *[newcomer] * 10, counts_correct]) == []
    assert participants_count() == 10


def test_landing_asks_the_same_however_many_take_part(stranger: Browser) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            stranger.get("/")
        assert not [query for query in captured if 'collector_consent"' in query["sql"]]
        return len(captured)

    stranger.get("/")
    before = queries()
    for _ in range(3):
        newcomer()
    assert queries() == before


def test_a_count_that_is_too_low_keeps_nobody_from_withdrawing(smiley: Smiley, private_folder: Any) -> None:
    participant = newcomer()
    photo_decided(photo=send(participant), accepted_as=smiley)
    Smiley.objects.update(accepted_count=0, accepted_people=0)
    Tally.objects.update(count=0)
    participant_withdraw(participant=participant, actor="participant")
    smiley.refresh_from_db()
    assert (smiley.accepted_count, smiley.accepted_people, participants_count()) == (0, 0, 0)


@pytest.mark.parametrize("wrong", [0, 17])
def test_round_corrects_what_went_wrong(
    smiley: Smiley, private_folder: Any, caplog: pytest.LogCaptureFixture, wrong: int
) -> None:
    participant = newcomer()
    for _ in range(2):
        photo_decided(photo=send(participant), accepted_as=smiley)
    do_round("collector.recount")
    assert "A count was wrong" not in caplog.text
    Smiley.objects.update(accepted_count=wrong, accepted_people=wrong)
    Tally.objects.update(count=wrong)
    do_round("collector.recount")
    assert "A count was wrong" in caplog.text
    smiley.refresh_from_db()
    assert (smiley.accepted_count, smiley.accepted_people, participants_count()) == (2, 1, 1)
    assert set(Smiley.objects.exclude(pk=smiley.pk).values_list("accepted_count", flat=True)) == {0}
    assert Photo.objects.count() == 2
