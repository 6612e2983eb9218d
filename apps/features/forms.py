"""The forms of the feature store: materialise a view, and look up one entity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms

from apps.features.models import Mode

if TYPE_CHECKING:
    from apps.datasets.models import DatasetVersion

_DATE = forms.DateInput(attrs={"type": "date"})


class MaterialiseForm(forms.Form):
    """Which version, and how much of it."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    version: forms.ModelChoiceField[DatasetVersion] = forms.ModelChoiceField(
        queryset=None,
        label="Data",
        empty_label=None,
        help_text="A dataset version that has passed its checks. Rows of earlier versions count "
        "where they come before its first.",
    )
    mode = forms.ChoiceField(
        label="How much",
        choices=Mode,
        initial=Mode.INCREMENTAL,
        help_text="What changed is found by itself: new, late, corrected and removed rows.",
    )
    start = forms.DateField(label="First day", required=False, widget=_DATE)
    end = forms.DateField(
        label="Last day", required=False, widget=_DATE, help_text="For a range alone. Days are UTC."
    )

    def __init__(self, versions: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].initial = uuid4().hex
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]


class LookUpForm(forms.Form):
    """Whose features, and as of when."""

    entity = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    at = forms.DateTimeField(
        label="As of",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}),
        help_text="Empty means now.",
    )

    def __init__(self, entity: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["entity"].label = entity

    @property
    def moment(self) -> datetime:
        """The moment that is meant."""
        chosen: datetime | None = self.cleaned_data["at"]
        return chosen or datetime.now(UTC)
