"""The form of one question, made from what a solution takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms

from apps.answers.many import MOST_ASKED, MOST_FILE_BYTES
from apps.experiments.forms import field_for
from apps.inference.forms import SETTING

if TYPE_CHECKING:
    from django.forms import BoundField

    from ml_core.data.schema import Column
    from solutions.api import Solution

MOST_TOGETHER_BYTES = 31 * 2**20  # larger forms would touch the disk unencrypted
_ACCEPT = {"image": "image/*", "audio": "audio/wav,audio/x-wav,.wav"}


def _words(what: str, **more: Any) -> forms.CharField:
    """Return a field of a text that every database keeps and compares with."""
    message = f"{what} must be without NUL characters. Got one. Leave it out."
    errors = {"null_characters_not_allowed": message}
    return forms.CharField(required=False, error_messages=errors, **more)


class AnswersFilter(forms.Form):
    """How answers are searched: by what they are of, by solution, or those people reviewed."""

    q = _words("A search", max_length=200)
    solution = _words("A solution", max_length=100)
    corrected = forms.BooleanField(required=False)


class CorrectionForm(forms.Form):
    """What an answer should have been, and why; how long they may be is the service's to say."""

    correction = _words("A correction")
    reason = _words("A reason")


class AskForm(forms.Form):
    """One row: a field for each input column but the label, then the settings."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(
        self, solution: Solution[Any], *args: Any, has_files: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["token"].initial = uuid4().hex
        asked = [c for c in solution.inputs().columns if _is_asked(c)]
        asked.sort(key=_place)
        self._columns = {c.name: c for c in asked}
        pictures = [c.name for c in asked if c.kind == "image"]
        self.many = pictures[0] if len(pictures) == 1 else ""
        for name, column in self._columns.items():
            self.fields[name] = (
                _many_files(column, has_files=has_files)
                if name == self.many
                else _field(column, has_files=has_files)
            )
        for name, info in solution.settings.model_fields.items():
            self.fields[SETTING + name] = field_for(name, info)

    @property
    def row(self) -> dict[str, Any]:
        """Values by column; a column left empty is not there."""
        found = {n: self.cleaned_data[n] for n, c in self._columns.items() if c.kind not in _ACCEPT}
        return {name: value for name, value in found.items() if value not in (None, "")}

    @property
    def uploads(self) -> dict[str, tuple[str, bytes]]:
        """Files by column, but those that may be many: name and bytes."""
        found = {n: self.cleaned_data[n] for n, c in self._columns.items() if c.kind in _ACCEPT}
        return {
            name: (file.name, file.read())
            for name, file in found.items()
            if file and name != self.many
        }

    @property
    def pictures(self) -> list[tuple[str, bytes]]:
        """The files that may be many: name and bytes of each."""
        sent = self.cleaned_data.get(self.many) or []
        return [(file.name, file.read()) for file in sent]

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
    def has_setting_errors(self) -> bool:
        """Say whether a folded setting is wrong, so that the fold must be open."""
        return any(field.errors for field in self.settings_fields)

    @property
    def settings_fields(self) -> list[BoundField]:
        """Fields of the settings."""
        return [self[name] for name in self.fields if name.startswith(SETTING)]


def _is_asked(column: Column) -> bool:
    return column.role != "label" and column.kind != "boxes"


def _place(column: Column) -> int:
    """Put what names the thing first, for people scan the serial, then take the picture.

    Last comes a class that may be left out: it is for reports.
    """
    if column.required:
        return 1
    return {"id": 0, "category": 2}.get(column.kind, 1)


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
    marks = {"data-scan": "", "autocomplete": "off"} if column.kind == "id" else {}
    return forms.CharField(**common, max_length=1000, widget=forms.TextInput(attrs=marks))


def _many_files(column: Column, *, has_files: bool) -> forms.Field:
    widget = _Chooser(attrs={"accept": f"{_ACCEPT['image']},.zip", "multiple": True})
    more = f"One, up to {MOST_ASKED} at once, or a ZIP of them."
    return _Files(
        label=column.title,
        help_text=f"{column.description} {more}".strip(),
        required=column.required and not column.nullable and not has_files,
        widget=widget,
    )


class _Chooser(forms.FileInput):
    """A chooser of several files."""

    allow_multiple_selected = True


class _Files(forms.FileField):
    """Several files of bounded size, together as well."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            return super().clean(None, initial) or []
        cleaned = [super(_Files, self).clean(file, initial) for file in files]
        _require_size(sum(file.size for file in cleaned), "Files together", MOST_TOGETHER_BYTES)
        for file in cleaned:
            if not file.name.lower().endswith(".zip"):
                _require_size(file.size, "A file", MOST_FILE_BYTES)
        return cleaned


def _require_size(size: int, what: str, most: int) -> None:
    if size > most:
        message = (
            f"{what} must be at most {most // 2**20} MiB. Got {size / 2**20:.1f} MiB. "
            "Choose less, or upload a dataset."
        )
        raise forms.ValidationError(message)


class _File(forms.FileField):
    """A file of bounded size."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if file:
            _require_size(file.size, "A file", MOST_FILE_BYTES)
        return file
