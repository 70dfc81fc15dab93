"""Personal tokens of staff for the API: made, used, revoked.

A token is 256 random bits, so a plain SHA-256 of it is kept: there is nothing to guess that a slow hash would hinder.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from .audit import audit_record
from .models import ApiToken
from .problems import Problem

#: By this a token is known wherever it turns up: in a log, or in code that is about to be published.
MARK = "smielfy_"
_SHOWN = len(MARK) + 6
_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def token_make(*, owner: User, maker: User, name: str, expires_at: datetime | None = None) -> ApiToken:
    """A new token; its `secret` is on this object alone, and never seen again.

    Raises Problem: token_unnamed, token_expired, token_for_other.
    """
    name = name.strip()
    if not name:
        raise Problem("token_unnamed", "Name the token after the program or machine that it is for.")
    if expires_at is not None and expires_at <= timezone.now():
        raise Problem("token_expired", "That moment is over: choose a later one, or none.")
    if not may_make_for(maker, owner):
        raise Problem(
            "token_for_other", "A token can be made for oneself, or for who may do no more.", status=403
        )
    secret = MARK + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        owner=owner,
        name=name,
        prefix=secret[:_SHOWN],
        digest=_digest(secret),
        created_by=f"staff:{maker.get_username()}",
        expires_at=expires_at,
    )
    audit_record(
        actor=token.created_by, action="token_made", subject=_subject(token), owner=owner.get_username()
    )
    token.secret = secret
    return token


def may_make_for(maker: User, owner: User) -> bool:
    """Whoever makes a token for somebody else must not get to do more than they may themselves."""
    if owner == maker:
        return True
    if not (maker.has_perm("operations.add_apitoken") and owner.is_active and owner.is_staff):
        return False
    return maker.is_superuser or owner.get_all_permissions() <= maker.get_all_permissions()


@transaction.atomic
def token_revoke(*, token: ApiToken, actor: str) -> bool:
    """Make a token useless, for good; False when it was so already."""
    revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    if revoked:
        audit_record(
            actor=actor, action="token_revoked", subject=_subject(token), owner=token.owner.get_username()
        )
    return bool(revoked)


def token_of(secret: str) -> ApiToken | None:
    """The token that this is the secret of, if it can be used now; notes that it was."""
    now = timezone.now()
    token = ApiToken.objects.usable(now).select_related("owner").filter(digest=_digest(secret)).first()
    if token is not None:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED_EVERY)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
    return token


def token_invalid() -> Problem:
    detail = "This token is unknown, revoked or over: make another in admin, under API tokens."
    return Problem("token_invalid", detail, status=401)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _subject(token: ApiToken) -> str:
    return f"token:{token.prefix}"
