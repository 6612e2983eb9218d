"""The form of one question, made from what a solution takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from apps.experiments.forms import field_for
from apps.inference.forms import SETTING

if TYPE_CHECKING:
    from django.forms import BoundField

    from ml_core.data.schema import Column
    from solutions.api import Solution

MOST_FILE_BYTES = 25 * 2**20
_ACCEPT = {"image": "image/*", "audio": "audio/*"}


class AskForm(forms.Form):
    """One row: a field for each input column but the label, then the settings."""

    def __init__(
        self, solution: Solution[Any], *args: Any, has_files: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        schema = solution.inputs()
        self._columns = {c.name: c for c in schema.columns if _is_asked(c)}
        for name, column in self._columns.items():
            self.fields[name] = _field(column, has_files=has_files)
        for name, info in solution.settings.model_fields.items():
            self.fields[SETTING + name] = field_for(name, info)

    @property
    def row(self) -> dict[str, Any]:
        """Values by column; a column left empty is not there."""
        found = {n: self.cleaned_data[n] for n, c in self._columns.items() if c.kind not in _ACCEPT}
        return {name: value for name, value in found.items() if value not in (None, "")}

    @property
    def uploads(self) -> dict[str, tuple[str, bytes]]:
        """Files by column: name and bytes."""
        found = {n: self.cleaned_data[n] for n, c in self._columns.items() if c.kind in _ACCEPT}
        return {name: (file.name, file.read()) for name, file in found.items() if file}

    @property
    def chosen(self) -> dict[str, Any]:
        """Settings that were given."""
        data = self.cleaned_data
        return {
            name.removeprefix(SETTING): data[name]
            for name in self.fields
            if name.startswith(SETTING) and data[name] not in (None, "")
        }

    @property
    def asked(self) -> list[BoundField]:
        """Fields of the row."""
        return [self[name] for name in self._columns]

    @property
    def settings_fields(self) -> list[BoundField]:
        """Fields of the settings."""
        return [self[name] for name in self.fields if name.startswith(SETTING)]


def _is_asked(column: Column) -> bool:
    return column.role != "label" and column.kind != "boxes"


def _field(column: Column, *, has_files: bool) -> forms.Field:
    needed = column.required and not column.nullable
    common: dict[str, Any] = {
        "label": f"{column.title} ({column.unit})" if column.unit else column.title,
        "help_text": column.description,
        "required": needed,
    }
    if column.kind in _ACCEPT:
        common["required"] = needed and not has_files
        return _File(**common, widget=forms.FileInput(attrs={"accept": _ACCEPT[column.kind]}))
    if column.kind == "text":
        return forms.CharField(**common, max_length=20_000, widget=forms.Textarea({"rows": 2}))
    return forms.CharField(**common, max_length=1000)


class _File(forms.FileField):
    """A file of bounded size."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if file and file.size > MOST_FILE_BYTES:
            message = (
                f"A file must be at most {MOST_FILE_BYTES // 2**20} MiB. Choose a smaller one."
            )
            raise forms.ValidationError(message)
        return file
