"""What people fill in to look through a version: beside which, by which rules."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.datasets.inspecting import peers_of
from apps.datasets.models import DatasetVersion
from ml_core.data.inspection.finding import SEVERITIES

SEVERITY_WORDS = {"error": "Errors", "warning": "Warnings", "info": "Notes"}


def offer_peers(field: forms.Field, version: DatasetVersion) -> None:
    """Let a field offer the versions that one may be held against, the newest first."""
    field.queryset = peers_of(version).order_by("-created_at")  # type: ignore[attr-defined]


class InspectForm(forms.Form):
    reference = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(), required=False, empty_label="none",
        help_text="Tells which columns are distributed otherwise than in that version.",
    )  # fmt: skip
    rules = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text='One a line: "card_id among reference.card_id", or "opened not after closed".',
    )  # fmt: skip

    def __init__(self, version: DatasetVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_peers(self.fields["reference"], version)

    def clean_rules(self) -> list[str]:
        lines = (line.strip() for line in self.cleaned_data["rules"].splitlines())
        return [line for line in lines if line]


class FilterForm(forms.Form):
    severity = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *((name, SEVERITY_WORDS[name]) for name in SEVERITIES)],
    )
    column = forms.ChoiceField(required=False)

    def __init__(self, columns: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["column"].choices = [("", "All"), *((name, name) for name in columns)]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, str]:
        """Return what is filtered by; a value that nobody offered filters nothing."""
        return {k: v for k, v in self.cleaned_data.items() if v} if self.is_valid() else {}
