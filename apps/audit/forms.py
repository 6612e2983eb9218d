"""How the trail is searched."""

from __future__ import annotations

from typing import Any

from django import forms


def _date() -> forms.DateField:
    return forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))


class TrailFilter(forms.Form):
    """Who, what, when, on which thing, and any words; the fields narrow each other."""

    q = forms.CharField(label="Words", max_length=200, required=False)
    actor = forms.CharField(label="Who", max_length=100, required=False)
    action = forms.CharField(label="What", max_length=64, required=False)
    since = _date()
    until = _date()
    thing_type = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    thing_id = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        chosen: dict[str, Any] = super().clean() or {}
        since, until = chosen.get("since"), chosen.get("until")
        if since and until and since > until:
            message = f"The last day must not be before the first. Got {until}. Swap the two."
            self.add_error("until", message)
        return chosen

    @property
    def chosen(self) -> dict[str, Any]:
        """What is asked for, without the fields left empty."""
        return {name: value for name, value in self.cleaned_data.items() if value}
