"""What volunteers fill in without a script."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from .models import ConsentText, Scope


class ConsentForm(forms.Form):
    """Separate boxes, none ticked beforehand: a consent that was filled in for somebody is none."""

    text = forms.ModelChoiceField(ConsentText.objects.all(), widget=forms.HiddenInput)
    age = forms.BooleanField(
        error_messages={"required": _("Tick this box if you are old enough to take part.")}
    )
    train = forms.BooleanField(
        error_messages={
            "required": _("Without this there is nothing to take part in. Tick it, or leave with our thanks.")
        }
    )
    show_as_example = forms.BooleanField(required=False)
    share_in_release = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["age"].label = _("I am %(age)d or older.") % {"age": settings.MINIMUM_AGE}

    @property
    def scopes(self) -> list[str]:
        return [scope for scope in Scope.values if self.cleaned_data[scope]]
