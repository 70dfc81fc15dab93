"""The receipt code: what brings somebody back to their photos on any device, without a name or an address.

It is sixteen letters and digits and not words, for it is copied and typed in three languages, and these are on
every keyboard. None looks like another, there are no vowels, so that no code spells anything, and what a keyboard
of another script makes of them is understood, too.

Kept is a digest by scrypt alone. No key of the site takes part in it: whoever loses or changes SECRET_KEY makes
all cookies worthless, and then the codes are the only way that is left to take photos back. 72 random bits behind
scrypt are beyond guessing, for somebody with the whole database as well.
"""

import hashlib
import secrets
import unicodedata

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from operations.audit import audit_record
from operations.problems import Problem

from .models import Participant, Receipt
from .services import consent_required

ALPHABET = "234679CDFGHJKMNPQRTVWXY"
GROUPS, GROUP = 4, 4
_SALT = b"smielfy receipt 1"
_LOOK_ALIKES = str.maketrans("СНКМРТХУ", "CHKMPTXY")  # Cyrillic to Latin


def receipt_issue(*, participant: Participant) -> str:
    """A new code, which nobody can be shown again; one issued before stops working.

    Raises Problem when the participant has withdrawn meanwhile.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP))
    digest = _digest(code)
    with transaction.atomic():
        if not Participant.objects.select_for_update().filter(pk=participant.pk).exists():
            raise consent_required()
        Receipt.objects.update_or_create(
            participant=participant, defaults={"digest": digest, "issued_at": timezone.now()}
        )
        audit_record(actor="participant", action="receipt_issued", subject=f"participant:{participant.pk}")
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def receipt_redeem(*, code: str) -> Participant:
    """Whose code this is. Whatever is wrong with another one, the answer to it is the same.

    Raises Problem (receipt_unknown).
    """
    receipt = Receipt.objects.select_related("participant").filter(digest=_digest(_as_meant(code))).first()
    if receipt is None:
        audit_record(actor="participant", action="receipt_refused", subject="receipt")
        raise Problem(
            "receipt_unknown",
            _("No photos belong to this code. Compare it with your copy, letter by letter."),
            status=404,
        )
    audit_record(
        actor="participant", action="receipt_redeemed", subject=f"participant:{receipt.participant_id}"
    )
    return receipt.participant


def _as_meant(code: str) -> str:
    """What somebody typed, as it was issued: capitals, without spaces and dashes, from any keyboard."""
    typed = unicodedata.normalize("NFKC", code[:200]).upper().translate(_LOOK_ALIKES)
    return "".join(sign for sign in typed if sign in ALPHABET)


def _digest(code: str) -> str:
    return hashlib.scrypt(code.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32).hex()
