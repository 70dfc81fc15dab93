"""What staff are asked about a video."""

from typing import Any

from django import forms

from collector.models import ImportBatch, Smiley

from .models import VideoImport

MOST_FRAMES_A_SECOND = 12


class VideoForm(forms.Form):
    """What is known of a video. The browser sends its name and size first, and the video itself after that."""

    name = forms.CharField(max_length=250, widget=forms.HiddenInput)
    size = forms.IntegerField(widget=forms.HiddenInput)
    smiley = forms.ModelChoiceField(
        Smiley.objects.none(), help_text="What the people in it imitate.", empty_label="Choose one"
    )
    who = forms.ChoiceField(
        label="Who is in it",
        choices=VideoImport.Who.choices,
        initial=VideoImport.Who.ASK,
        widget=forms.RadioSelect,
    )
    person = forms.CharField(
        label="Name of the one person",
        required=False,
        max_length=60,
        help_text="Any word by which you know them again: the same word in the same import is the same person. It is"
        " forgotten once the faces are in.",
    )
    source = forms.CharField(
        max_length=200,
        help_text="Where it is from. The same source, licence and legal basis are the same import.",
    )
    licence = forms.CharField(max_length=200, help_text="Under which terms.")
    legal_basis = forms.CharField(
        max_length=400,
        help_text="Why the faces of these people may be used.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    rate = forms.FloatField(
        label="Frames a second",
        initial=2,
        min_value=0.1,
        max_value=MOST_FRAMES_A_SECOND,
        help_text="To choose from; what looks like an earlier one, or is blurred, is left out.",
    )
    accept = forms.BooleanField(
        label="Accept each photo as this smiley, without review",
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.fields["smiley"].queryset = Smiley.objects.offered()  # type: ignore[attr-defined]
        for name in ("source", "licence"):
            self.fields[name].widget.attrs["list"] = f"{name}s"

    @property
    def known(self) -> dict[str, list[str]]:
        """What was said of earlier imports, to choose from."""
        batches = ImportBatch.objects.order_by("-created_at")[:20]
        return {
            f"{name}s": sorted({getattr(batch, name) for batch in batches}) for name in ("source", "licence")
        }
