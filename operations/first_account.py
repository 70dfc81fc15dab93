"""The first staff account: a link that works once, and only while there is no superuser."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from .audit import audit_record
from .locks import hold
from .problems import Problem

_SALT = "first-account"
_VALID_SECONDS = 24 * 3600


def first_account_needed() -> bool:
    return not get_user_model()._default_manager.filter(is_superuser=True).exists()


def first_account_token() -> str:
    return signing.dumps("first", salt=_SALT)


def token_valid(token: str) -> bool:
    try:
        signing.loads(token, salt=_SALT, max_age=_VALID_SECONDS)
    except signing.BadSignature:
        return False
    return first_account_needed()


@transaction.atomic
def first_account_create(*, username: str, password: str) -> User:
    """Create the first superuser. Raises Problem when there is one already."""
    hold("operations.first_account")
    if not first_account_needed():
        raise Problem("account_exists", _("There is a first account already: sign in."), status=409)
    user = User.objects.create_superuser(username=username, password=password)
    audit_record(actor=f"staff:{username}", action="first_account_created", subject=f"user:{user.pk}")
    return user
