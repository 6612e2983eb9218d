"""How the list of jobs is narrowed."""

from django import forms

from apps.jobs.models import State


class JobFilter(forms.Form):
    state = forms.ChoiceField(
        choices=[("", "Any state"), ("open", "Waiting or running"), *State.choices], required=False
    )
    q = forms.CharField(label="Title", max_length=100, required=False)
