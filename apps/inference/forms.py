"""Forms of scoring: what to score with what, and which rows of a result to show."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.utils import timezone

from apps.experiments.forms import field_for, name_of_version
from apps.inference.results import Query
from ml_core.data.pictures import ENDINGS

if TYPE_CHECKING:
    from datetime import datetime

    from apps.datasets.models import DatasetVersion
    from apps.inference.models import Prediction
    from apps.registry.models import ModelVersion
    from solutions.api import Options

SETTING = "setting_"
_MODEL, _NONE = "model", "none"


class SettingsForm(forms.Form):
    """What may be said beside the data, as fields."""

    def add_settings(self, kind: type[Options]) -> None:
        """Add a field for each setting of the solution."""
        for name, info in kind.model_fields.items():
            self.fields[SETTING + name] = field_for(name, info)

    @property
    def chosen_settings(self) -> dict[str, Any]:
        """Return the settings that were given."""
        return {
            name.removeprefix(SETTING): value
            for name, value in self.cleaned_data.items()
            if name.startswith(SETTING) and value not in (None, "")
        }


class ScoreForm(SettingsForm):
    """Which data, which model, and which past to look back on."""

    version: forms.ModelChoiceField[DatasetVersion] = forms.ModelChoiceField(
        queryset=None, label="Data", help_text="A dataset version that has passed its checks."
    )
    model: forms.ModelChoiceField[ModelVersion] = forms.ModelChoiceField(
        queryset=None,
        required=False,
        label="Model",
        empty_label="The live one, else the newest candidate",
    )
    history = forms.ChoiceField(
        label="Earlier rows",
        required=False,
        help_text="The model looks back in time. Rows from before the first one to score are "
        "read as its past; they are not scored.",
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, versions: Any, models: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["version"].queryset = versions
        fields["version"].label_from_instance = name_of_version
        fields["model"].queryset = models
        fields["model"].label_from_instance = _name_of_model
        self._versions = {str(one.pk): one for one in versions}
        fields["history"].choices = [
            (_MODEL, "From the data that the model learned from"),
            (_NONE, "None: the file is its own past"),
            *((key, name_of_version(one)) for key, one in self._versions.items()),
        ]
        fields["token"].initial = uuid4().hex

    @property
    def past(self) -> Any:
        """Return the past that was chosen, as the service wants it."""
        chosen = self.cleaned_data["history"] or _MODEL
        return None if chosen == _NONE else self._versions.get(chosen, _MODEL)


class TableForm(SettingsForm):
    """Pictures, and what to ask about each of them."""

    file = forms.FileField(
        label="Pictures", max_length=255, help_text="A ZIP of pictures, or one picture.",
        widget=forms.FileInput(attrs={"accept": ",".join((".zip", *ENDINGS))}),
    )  # fmt: skip
    questions = forms.CharField(
        required=False, label="Questions", help_text="One on each line; each is asked of all.",
        max_length=2_000_000, widget=forms.Textarea({"rows": 6}),
    )  # fmt: skip
    questions_file = forms.FileField(
        required=False, label="Or a CSV of questions", max_length=255,
        help_text="Its column that is called like the question, else its first.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv"}),
    )  # fmt: skip
    name = forms.CharField(
        required=False, max_length=120, label="Name", help_text="How you will find it again."
    )
    model: forms.ModelChoiceField[ModelVersion] = forms.ModelChoiceField(
        queryset=None,
        required=False,
        label="Model",
        empty_label="The live one, else the newest candidate",
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, models: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["model"].queryset = models
        fields["model"].label_from_instance = _name_of_model
        fields["token"].initial = uuid4().hex

    def clean(self) -> dict[str, Any]:
        """Want questions in one of the two ways."""
        data = super().clean() or {}
        if not data.get("questions_file") and not data.get("questions", "").strip():
            self.add_error("questions", "Questions must be given. Write one on each line.")
        return data


def _name_of_model(model: ModelVersion) -> str:
    return f"Model {model.number} ({model.get_stage_display().lower()})"


class RowFilter(forms.Form):
    """Which rows of a result to show; which fields there are depends on its columns."""

    text = forms.CharField(required=False, max_length=100, label="Name or number contains")
    min_score = forms.FloatField(
        required=False, label="Score at least", widget=forms.NumberInput(attrs={"step": "any"})
    )
    alert_only = forms.BooleanField(required=False, label="Alerts only")
    time_from = forms.DateTimeField(required=False, label="From (UTC)")
    time_to = forms.DateTimeField(required=False, label="To (UTC)")
    amount_min = forms.FloatField(required=False, widget=forms.NumberInput(attrs={"step": "any"}))
    amount_max = forms.FloatField(required=False, widget=forms.NumberInput(attrs={"step": "any"}))
    sort = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)

    def __init__(self, prediction: Prediction, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("time_from", "time_to"):
            self.fields[name].widget = forms.DateTimeInput(
                attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
            )
        number = prediction.column_of(kind="number")
        if prediction.column_of(kind="time") is None:
            del self.fields["time_from"], self.fields["time_to"]
        if number is None:
            del self.fields["amount_min"], self.fields["amount_max"]
        else:
            self.fields["amount_min"].label = f"{number['title']} from"
            self.fields["amount_max"].label = f"{number['title']} to"
        if prediction.column_of(kind="id") is None:
            del self.fields["text"]

    def full_clean(self) -> None:
        """Read moments as UTC, which is what the fields and the data are in."""
        with timezone.override(UTC):
            super().full_clean()

    @property
    def query(self) -> Query:
        """Return the query that was asked for; a field that is not valid is left out."""
        self.is_valid()
        data = self.cleaned_data
        sort = data.get("sort") or "rank"
        return Query(
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
            min_score=data.get("min_score"),
            alert_only=bool(data.get("alert_only")),
            text=data.get("text") or "",
            time_from=_naive(data.get("time_from")),
            time_to=_naive(data.get("time_to")),
            amount_min=data.get("amount_min"),
            amount_max=data.get("amount_max"),
        )

    @property
    def is_used(self) -> bool:
        """Say whether any row may have been left out."""
        return any(self.cleaned_data.get(name) for name in self.fields if name != "sort")


def _naive(moment: datetime | None) -> datetime | None:
    """Return a moment as frames have it: in UTC, without saying so."""
    return None if moment is None else timezone.make_naive(moment, UTC)
