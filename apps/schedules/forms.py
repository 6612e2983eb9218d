"""The form of a policy: when, on what, within what, and what a challenger must show."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Any

from django import forms
from django.urls import reverse_lazy

from apps.experiments.forms import PREFIX, OptionsForm
from apps.schedules.models import Outcome, Trigger
from apps.schedules.services import gate_metrics

if TYPE_CHECKING:
    from django.forms import BoundField

    from apps.datasets.models import Dataset
    from apps.schedules.models import Policy
    from solutions.api import Solution

SIMPLE = ("name", "dataset", "trigger", "cron", "zone", "n_labels", "budget_min", "metric",
          "min_gain", "must_be_sure", "outcome", "seed")  # fmt: skip
WHEN = ("trigger", "cron", "zone", "n_labels")
ON_WHAT = ("dataset", "window_of", "window_size", "budget_min")
GATE = ("metric", "min_gain", "must_be_sure", "outcome")
PREVIEW = {
    "hx-get": reverse_lazy("schedules:preview"),
    "hx-target": "#preview",
    "hx-swap": "outerHTML",
    "hx-include": "#id_cron, #id_zone",
}
WINDOWS = [("", "All of it"), ("days", "Its last days"), ("rows", "Its last rows, by time")]


class PolicyForm(OptionsForm):
    """All of a policy; the options are those of its solution."""

    name = forms.CharField(max_length=120, help_text="What it is for, such as 'Each Monday'.")
    dataset: forms.ModelChoiceField[Dataset] = forms.ModelChoiceField(
        queryset=None,
        empty_label=None,
        help_text="Its newest version that has passed its checks is trained on.",
    )
    trigger = forms.ChoiceField(label="When", choices=Trigger, initial=Trigger.CLOCK)
    cron = forms.CharField(
        label="Times, as cron writes them",
        max_length=120,
        required=False,
        initial="0 3 * * 1",
        help_text="Minute, hour, day of month, month, day of week. 0 3 * * 1 is Monday at 03:00.",
        widget=forms.TextInput(
            attrs={**PREVIEW, "hx-trigger": "input changed delay:300ms", "spellcheck": "false"}
        ),
    )
    zone = forms.ChoiceField(
        label="Time zone of these times",
        choices=lambda: [(z, z) for z in sorted(zoneinfo.available_timezones())],
        widget=forms.Select(attrs={**PREVIEW, "hx-trigger": "change"}),
    )
    n_labels = forms.IntegerField(
        label="New labels",
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        required=False,
        help_text="By new labels: as many start a run. By the clock: with fewer nothing is done.",
    )
    window_of = forms.ChoiceField(label="Which rows", choices=WINDOWS, required=False)
    window_size = forms.IntegerField(
        label="How many days or rows", min_value=1, max_value=10**10, required=False
    )
    budget_min = forms.IntegerField(
        label="Budget in minutes",
        min_value=1,
        max_value=7 * 24 * 60,
        initial=60,
        help_text="A training that takes longer is stopped, and has failed.",
    )
    metric = forms.ChoiceField(
        label="Figure that decides",
        help_text="Of challenger and live model, on the same rows, which the challenger never saw.",
    )
    min_gain = forms.FloatField(
        label="Least gain",
        min_value=0,
        initial=0,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text="By how much the challenger must be better; 0: better at all.",
    )
    must_be_sure = forms.BooleanField(
        label="Only if the live model lies outside of the challenger's interval", required=False
    )
    outcome = forms.ChoiceField(
        label="What becomes of a better one",
        choices=Outcome,
        initial=Outcome.CANDIDATE,
        help_text="Making models live must be approved by a person who may promote.",
    )

    def __init__(
        self, solution: Solution[Any], datasets: Any, *args: Any, user_zone: str, **kwargs: Any
    ) -> None:
        super().__init__(solution.options, *args, **kwargs)
        chosen: Any = self.fields["dataset"]
        chosen.queryset = datasets
        self.fields["zone"].initial = user_zone
        metric: Any = self.fields["metric"]
        metric.choices = [(one.name, one.title) for one in gate_metrics(solution)]
        if solution.inputs().role("time") is None:
            del self.fields["window_of"], self.fields["window_size"]

    def clean(self) -> dict[str, Any]:
        """A window needs its size."""
        data = super().clean() or {}
        if data.get("window_of") and not data.get("window_size"):
            self.add_error("window_size", "Say how many days or rows.")
        return data

    @property
    def said(self) -> dict[str, Any]:
        """Return what was chosen, as the service takes it."""
        data = self.cleaned_data
        found = {name: data[name] for name in SIMPLE if data[name] is not None}
        of = data.get("window_of")
        return found | {
            "options": self.options,
            "window": {of: data["window_size"]} if of else {},
            "n_labels": data["n_labels"] or 0,
            "min_gain": data["min_gain"] or 0.0,
            "seed": data["seed"] or 0,
        }

    @property
    def when_fields(self) -> list[BoundField]:
        return self._of(WHEN)

    @property
    def data_fields(self) -> list[BoundField]:
        return self._of(ON_WHAT)

    @property
    def gate_fields(self) -> list[BoundField]:
        return self._of(GATE)

    @property
    def option_fields(self) -> list[BoundField]:
        return self._of([*self.option_names, "seed"])

    @property
    def has_folded_errors(self) -> bool:
        return any(field.errors for field in self.option_fields)

    def _of(self, names: Any) -> list[BoundField]:
        return [self[name] for name in names if name in self.fields]


def suggested(solution: Solution[Any]) -> dict[str, Any]:
    """Return what a new policy of a solution begins with: what the solution suggests."""
    first = next(iter(solution.schedules()), None)
    if first is None:
        return {}
    return {"name": first.title, "cron": first.cron, "n_labels": first.n_labels}


def initial_of(policy: Policy) -> dict[str, Any]:
    """Return what a form of a policy begins with."""
    [(of, size)] = policy.window.items() or [("", None)]
    return {
        **{name: getattr(policy, name) for name in SIMPLE},
        **{PREFIX + name: value for name, value in policy.options.items()},
        "window_of": of,
        "window_size": size,
    }
