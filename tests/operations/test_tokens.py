"""Personal tokens: made once, kept as a digest, good for the API alone, dead with whoever they were for."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from operations.logs import redact
from operations.models import ApiToken, AuditEvent
from operations.problems import Problem
from operations.throttling import WrongTokenThrottle
from operations.tokens import token_make, token_revoke

from .conftest import visitor

API = "/api/v1/datasets/"
LOGIN = "django.contrib.auth.backends.ModelBackend"
Staff = Callable[..., User]


@pytest.fixture
def manager(staff: Staff) -> User:
    return staff("mona", role="manager")


def asked(secret: str, path: str = API, **extra: Any) -> Any:
    return visitor().get(path, secure=True, headers={"Authorization": f"Bearer {secret}"}, **extra)


def made(owner: User, **facts: Any) -> ApiToken:
    return token_make(owner=owner, maker=facts.pop("maker", owner), name="a laptop", **facts)


def test_only_a_digest_is_kept_and_the_audit_log_has_how_it_begins(manager: User) -> None:
    token = made(manager)
    kept = ApiToken.objects.get()
    assert (kept.digest, kept.secret) == (hashlib.sha256(token.secret.encode()).hexdigest(), "")
    assert len(token.secret) >= 43 + len("smielfy_"), "256 bits"
    assert token.secret.startswith(kept.prefix)
    event = AuditEvent.objects.get(action="token_made")
    assert (event.actor, event.subject, event.details) == (
        "staff:mona",
        f"token:{kept.prefix}",
        {"owner": "mona"},
    )


def test_token_works_until_it_is_revoked_or_over(manager: User) -> None:
    token = made(manager, expires_at=timezone.now() + timedelta(days=1))
    assert asked(token.secret).status_code == 200
    assert ApiToken.objects.get().last_used_at is not None
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert asked(token.secret).status_code == 401
    ApiToken.objects.update(expires_at=None)
    assert asked(token.secret).status_code == 200
    assert token_revoke(token=token, actor="staff:mona") is True
    answer = asked(token.secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert "make another in admin" in answer.json()["detail"]
    assert token_revoke(token=token, actor="staff:mona") is False
    assert AuditEvent.objects.filter(action="token_revoked").count() == 1


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_token_dies_with_the_account(lost: str, manager: User) -> None:
    token = made(manager)
    User.objects.update(**{lost: False})
    assert asked(token.secret).status_code == 401


def test_token_gives_no_more_than_its_owner_has_now(staff: Staff, manager: User) -> None:
    token = made(manager)
    manager.groups.clear()
    answer = asked(token.secret)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert asked(made(staff("rita", role="researcher")).secret).status_code == 200


def test_token_opens_no_page_and_a_wrong_one_is_not_saved_by_a_session(manager: User) -> None:
    client = visitor()
    answer = client.get("/admin/", secure=True, headers={"Authorization": f"Bearer {made(manager).secret}"})
    assert (answer.status_code, "sessionid" in client.cookies) == (302, False)
    assert answer.headers["Location"].startswith("/admin/login/")
    client.force_login(manager, backend=LOGIN)
    assert client.get(API, secure=True).status_code == 200
    assert client.get(API, secure=True, headers={"Authorization": "Bearer smielfy_x"}).status_code == 401


def test_wrong_tokens_are_throttled_and_right_ones_from_there_are_not(
    manager: User, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WrongTokenThrottle, "rate", "2/hour", raising=False)
    cache.clear()
    peer = {"REMOTE_ADDR": "198.51.100.7"}
    answers = [asked(f"smielfy_{number}", **peer) for number in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert asked(made(manager).secret, **peer).status_code == 200


def test_nobody_makes_a_token_by_which_they_may_do_more(staff: Staff, manager: User) -> None:
    root, rita = staff("root", superuser=True), staff("rita", role="reviewer")
    for maker, owner in ((manager, root), (rita, manager), (rita, root)):
        with pytest.raises(Problem, match="may do no more"):
            made(owner, maker=maker)
    assert made(rita, maker=manager).created_by == "staff:mona"
    with pytest.raises(Problem, match="choose a later one"):
        made(rita, expires_at=timezone.now())


def test_secret_is_shown_once_in_admin_and_is_in_no_log(manager: User, caplog: Any) -> None:
    client = visitor()
    client.force_login(manager, backend=LOGIN)
    page = client.post(
        "/admin/operations/apitoken/add/", {"name": "a laptop", "owner": manager.pk}, secure=True
    )
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    (secret,) = set(re.findall(r"smielfy_[\w-]{43}", page.content.decode()))
    assert asked(secret).status_code == 200
    assert secret not in caplog.text
    assert secret not in redact(f"Bearer-free text with {secret} in it")
    assert secret.encode() not in client.get("/admin/operations/apitoken/", secure=True).content
    (token,) = ApiToken.objects.all()
    revoke = {"action": "revoke", "_selected_action": [token.pk]}
    client.post("/admin/operations/apitoken/", revoke, secure=True)
    assert asked(secret).status_code == 401
    assert AuditEvent.objects.get(action="token_revoked").actor == "staff:mona"


def test_staff_see_and_revoke_their_own_and_managers_those_of_others(staff: Staff, manager: User) -> None:
    rita = staff("rita", role="reviewer")
    theirs, hers = made(manager), made(rita)
    client = visitor()
    client.force_login(rita, backend=LOGIN)
    listed = client.get("/admin/operations/apitoken/", secure=True).content.decode()
    assert hers.prefix in listed
    assert theirs.prefix not in listed
    both = {"action": "revoke", "_selected_action": [theirs.pk, hers.pk]}
    client.post("/admin/operations/apitoken/", both, secure=True)
    assert list(ApiToken.objects.exclude(revoked_at=None)) == [hers]
    # A reviewer's form has no field for the owner, and what is sent for one is not looked at.
    page = client.post("/admin/operations/apitoken/add/", {"name": "mine", "owner": manager.pk}, secure=True)
    assert page.status_code == 200
    assert ApiToken.objects.get(name="mine").owner == rita
    client.force_login(manager, backend=LOGIN)
    client.post("/admin/operations/apitoken/", both, secure=True)
    assert not ApiToken.objects.filter(revoked_at=None).exclude(name="mine").exists()
