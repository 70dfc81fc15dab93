"""How many photos a participant may send in a day (UTC)."""

from django.conf import settings
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from operations.problems import Problem

from .models import Participant


def quota_left(participant: Participant) -> bool:
    """Whether one more may come in today, by what the database says now."""
    today = Participant.objects.filter(pk=participant.pk, last_sent_on=timezone.now().date())
    most = Coalesce("photos_per_day", int(settings.PHOTOS_PER_DAY))
    allowed_none = Participant.objects.filter(pk=participant.pk, photos_per_day=0)
    return not (today.filter(sent_that_day__gte=most) | allowed_none).exists()


def quota_use(locked: Participant) -> None:
    """Count one more photo of a participant whose row the caller has locked."""
    today = timezone.now().date()
    if locked.last_sent_on != today:
        locked.last_sent_on, locked.sent_that_day = today, 0
    locked.sent_that_day += 1
    locked.save(update_fields=["last_sent_on", "sent_that_day"])


def quota_reached(participant: Participant) -> Problem:
    own = Participant.objects.filter(pk=participant.pk).values_list("photos_per_day", flat=True).first()
    return Problem(
        "quota_reached",
        _("That were %(count)d photos today, thank you. Come back tomorrow.")
        % {"count": settings.PHOTOS_PER_DAY if own is None else own},
        status=429,
    )
