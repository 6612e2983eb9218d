"""What people fill in: the upload, and which column means what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from apps.catalog.services import registry
from apps.datasets.uploads import StoredUpload
from ml_core.data.pictures import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_core.data.mapping import Suggestion
    from ml_core.data.preview import Sniffed
    from ml_core.data.schema import Schema

ACCEPTED = ",".join((".csv", ".tsv", ".txt", ".parquet", ".pq", ".zip", *ENDINGS))
NO_COLUMN = "not in this file"


def _solutions() -> list[tuple[str, str]]:
    """Return the choices; nothing is chosen beforehand where there is a choice at all."""
    choices = [(solution.slug, solution.title) for solution in registry()]
    return choices if len(choices) == 1 else [("", "Choose one"), *choices]


class UploadForm(forms.Form):
    solution = forms.ChoiceField(
        choices=_solutions, label="What is it for?", help_text="Decides which columns are needed."
    )
    name = forms.CharField(
        max_length=120, required=False, label="Name",
        help_text="How you will find it again. Empty: the name of the file.",
    )  # fmt: skip
    file = forms.FileField(
        label="File", allow_empty_file=True, max_length=255,
        help_text="CSV (UTF-8; separated by comma, semicolon, tab or |) or Parquet; for pictures "
        "one picture, or a ZIP with labels of YOLO, COCO or Pascal VOC, or a CSV beside them.",
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED}),
    )  # fmt: skip

    def clean_file(self) -> StoredUpload:
        upload = self.cleaned_data["file"]
        if not isinstance(upload, StoredUpload):
            raise forms.ValidationError("A file must be sent as a form. Choose it again.")
        return upload

    def title(self) -> str:
        """Return the name given, or the name of the file without its ending."""
        stem = str(self.cleaned_data["file"].name).rpartition(".")[0]
        return str(self.cleaned_data["name"] or stem or "Dataset")[:120]


class VersionForm(UploadForm):
    """A new file for a dataset that exists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["solution"], self.fields["name"]


class MappingForm(forms.Form):
    """One field for each column of the schema; choices are the columns of the file."""

    def __init__(self, schema: Schema, sniffed: Sniffed, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", NO_COLUMN), *((name, name) for name in sniffed.names)]
        for column in schema.columns:
            self.fields[column.name] = forms.ChoiceField(
                choices=choices, required=False, label=column.title, help_text=column.description
            )

    def mapping(self) -> dict[str, str]:
        """Return schema name -> column of the file."""
        return {name: source for name, source in self.cleaned_data.items() if source}


def mapping_rows(
    form: MappingForm, schema: Schema, sniffed: Sniffed, found: Mapping[str, Suggestion]
) -> list[dict[str, Any]]:
    """Return what the mapping page shows of each column of the schema."""
    previews = {preview.name: preview for preview in sniffed.columns}
    rows = []
    for column in schema.columns:
        suggestion = found.get(column.name)
        source = form[column.name].value()
        rows.append(
            {
                "column": column,
                "field": form[column.name],
                "suggestion": suggestion if suggestion and suggestion.source == source else None,
                "preview": previews.get(source),
                "is_missing": column.required and not source,
            }
        )
    return rows
