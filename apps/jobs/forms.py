"""How the list of jobs is narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q

from apps.jobs.models import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apps.jobs.models import JobQuerySet


class JobFilter(forms.Form):
    """What to look for; kinds and solutions are those that the person's jobs have."""

    state = forms.ChoiceField(
        choices=[("", "Any state"), ("open", "Waiting or running"), *State.choices], required=False
    )
    kind = forms.ChoiceField(required=False)
    solution = forms.ChoiceField(required=False)
    person = forms.CharField(label="Started by", max_length=100, required=False)
    q = forms.CharField(label="Title", max_length=100, required=False)

    def __init__(self, *args: Any, jobs: JobQuerySet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, anything in (("kind", "Any kind"), ("solution", "Any solution")):
            field: Any = self.fields[name]
            field.choices = [("", anything), *_distinct(jobs, name)]

    def narrow(self, jobs: JobQuerySet) -> JobQuerySet:
        """Keep the jobs that fit; what is not a choice is left out, and the rest holds."""
        self.is_valid()
        said = {name: value for name, value in self.cleaned_data.items() if value}
        state = said.pop("state", "")
        if state:
            jobs = jobs.open() if state == "open" else jobs.filter(state=state)
        if words := said.pop("q", ""):
            jobs = jobs.filter(title__icontains=words)
        for word in said.pop("person", "").split():
            jobs = jobs.filter(_person(word))
        return jobs.filter(**said)


def _person(word: str) -> Q:
    return (
        Q(created_by__email__icontains=word)
        | Q(created_by__first_name__icontains=word)
        | Q(created_by__last_name__icontains=word)
    )


def _distinct(jobs: JobQuerySet, name: str) -> Iterable[tuple[str, str]]:
    values = jobs.order_by(name).values_list(name, flat=True).distinct()
    return [(value, value.replace("_", " ").capitalize()) for value in values if value]
