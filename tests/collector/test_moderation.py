"""Staff mute participants and limit them, without knowing who they are."""

import uuid
from typing import Any

import pytest

from collector.models import Participant, Photo, Smiley
from collector.moderation import participant_limit, participant_mute, participant_unmute
from collector.services import photo_processed, photo_submit
from labeling.models import QueueEntry
from operations.models import AuditEvent
from operations.problems import Problem
from tests.collector.conftest import Browser

from .pictures import jpeg_of

pytestmark = pytest.mark.database


def send(participant: Participant) -> Photo:
    smiley = Smiley.objects.get(slug="tongue")
    photo, _ = photo_submit(participant=participant, smiley=smiley, client_id=uuid.uuid4(), data=jpeg_of())
    photo_processed(photo=photo, face_found=True)
    photo.refresh_from_db()
    return photo


def test_photos_of_a_muted_participant_wait_in_quarantine(
    participant: Participant, private_folder: Any
) -> None:
    before = send(participant)
    participant_mute(participant=participant, actor="staff:mona")
    later = send(participant)
    assert (before.state, later.state) == ("in_review", "quarantine")
    assert set(QueueEntry.objects.values_list("pk", flat=True)) == {before.pk}

    assert participant_unmute(participant=participant, actor="staff:mona") == 1
    later.refresh_from_db()
    assert later.state == "in_review"
    assert QueueEntry.objects.count() == 2
    assert send(participant).state == "in_review"
    told = AuditEvent.objects.filter(subject=f"participant:{participant.pk}").values_list("action", flat=True)
    assert {"participant_muted", "participant_unmuted"} <= set(told)


def test_a_quota_of_ones_own_holds(participant: Participant, private_folder: Any) -> None:
    participant_limit(participant=participant, photos_per_day=1, actor="staff:mona")
    send(participant)
    with pytest.raises(Problem, match="1 photos today") as refused:
        send(participant)
    assert refused.value.code == "quota_reached"
    participant_limit(participant=participant, photos_per_day=None, actor="staff:mona")
    send(participant)
    participant_limit(participant=participant, photos_per_day=0, actor="staff:mona")
    Participant.objects.update(last_sent_on=None)
    with pytest.raises(Problem):
        send(participant)


def test_the_page_mutes_and_limits(participant: Participant, staff: Any) -> None:
    browser = Browser()
    manager = staff("mona", role="manager")
    browser.client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/admin/participants/{participant.pk}/"
    browser.post(address, {"do": "mute"})
    assert Participant.objects.get().muted_at is not None
    page = browser.get(f"/admin/collector/participant/{participant.pk}/change/").content.decode()
    assert "Let reviewers see their photos again" in page
    browser.post(address, {"do": "limit", "photos_per_day": "7"})
    assert Participant.objects.get().photos_per_day == 7
    for wrong in ("-1", "many", "1000000"):
        browser.post(address, {"do": "limit", "photos_per_day": wrong})
    assert Participant.objects.get().photos_per_day == 7
    browser.post(address, {"do": "unmute"})
    assert Participant.objects.get().muted_at is None
