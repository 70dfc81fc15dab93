"""The participant's cookie."""

import uuid

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import RequestFactory

from collector import participants
from collector.models import Participant
from collector.services import participant_withdraw

from .conftest import Browser, problem


def whose(cookie: str) -> Participant | None:
    request = RequestFactory().get("/", secure=True)
    request.COOKIES[participants.COOKIE] = cookie
    return participants.current(request)


def cookie_of(participant: Participant) -> str:
    response = HttpResponse()
    participants.remember(response, participant)
    return str(response.cookies[participants.COOKIE].value)


def test_cookie_brings_its_participant_back(participant: Participant) -> None:
    assert whose(cookie_of(participant)) == participant


@pytest.mark.parametrize(
    "forge",
    [
        lambda one: "",
        lambda one: "x",
        lambda one: "\0",
        lambda one: str(one.pk),
        lambda one: signing.dumps(str(one.pk)),
        lambda one: signing.dumps(str(one.pk), salt="participant", key="a" * 50),
        lambda one: signing.dumps("no uuid", salt="participant"),
        lambda one: signing.dumps(str(uuid.uuid4()), salt="participant"),
        lambda one: cookie_of(one)[:-1] + ("A" if cookie_of(one)[-1] != "A" else "B"),
        lambda one: cookie_of(one) + "=",
    ],
)
@pytest.mark.django_db
def test_forged_cookie_brings_nobody(participant: Participant, forge: object) -> None:
    assert whose(forge(participant)) is None  # type: ignore[operator]


def test_cookie_of_somebody_who_withdrew_brings_nobody(participant: Participant) -> None:
    cookie = cookie_of(participant)
    participant_withdraw(participant=participant, actor="participant")
    assert whose(cookie) is None


def test_the_staffs_session_is_no_participant(stranger: Browser, staff: object) -> None:
    user = staff("root", superuser=True)  # type: ignore[operator]
    stranger.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    problem(stranger.get("/api/v1/photos/"), 403, "consent_required")
