"""What a person may set about themselves and their keys."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django import forms

from apps.accounts.models import Team, User
from apps.accounts.policies import SCOPES, can

LIFETIMES = [(30, "30 days"), (90, "90 days"), (365, "1 year"), (0, "Until revoked")]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    timezone = forms.ChoiceField(
        label="Time zone", choices=lambda: [(z, z) for z in sorted(zoneinfo.available_timezones())]
    )

    class Meta:
        model = User
        fields: ClassVar = ["first_name", "last_name", "theme", "timezone"]


class KeyForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="Where it is used, such as 'nightly scoring'.")
    team = forms.ModelChoiceField(Team.objects.none(), empty_label=None)
    scopes = forms.MultipleChoiceField(
        label="May do", widget=forms.CheckboxSelectMultiple, choices=[(s, s) for s in SCOPES]
    )
    days = forms.TypedChoiceField(label="Runs out after", coerce=int, choices=LIFETIMES, initial=90)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team: Any = self.fields["team"]
        team.queryset = user.teams.all()
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(scope, scope) for scope in SCOPES if can(user, scope)]
