"""What people fill in to compare two versions."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.datasets.findings_forms import offer_peers
from apps.datasets.models import DatasetVersion


class CompareForm(forms.Form):
    old = forms.ModelChoiceField(queryset=DatasetVersion.objects.none(), label="Compare with")

    def __init__(self, version: DatasetVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_peers(self.fields["old"], version)
