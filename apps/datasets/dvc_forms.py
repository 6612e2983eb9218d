"""What people fill in to import from a repository of DVC."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.datasets.forms import UploadForm


class DvcForm(UploadForm):
    """A repository of DVC, and which of its entries is meant."""

    entry = forms.CharField(
        required=False, max_length=500, label="Entry",
        help_text="Its .dvc file or path. Empty: the only one.",
    )  # fmt: skip
    field_order = ("solution", "name", "file", "entry")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "file"
        ].help_text = (
            "A ZIP of the repository with .dvc/cache, a local remote, or the files checked out."
        )
        self.fields["file"].widget.attrs["accept"] = ".zip"
