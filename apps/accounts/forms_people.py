"""What an admin says about people and teams."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apps.accounts.models import Role, Team, User
from apps.accounts.people import About


class PeopleFilter(forms.Form):
    q = forms.CharField(label="Name or address", max_length=100, required=False)
    role = forms.ChoiceField(choices=[("", "Any role"), *Role.choices], required=False)
    team = forms.ModelChoiceField(Team.objects.all(), required=False, empty_label="Any team")
    state = forms.ChoiceField(
        choices=[("", "Active or not"), ("active", "Active"), ("inactive", "Inactive")],
        required=False,
    )


class PersonForm(forms.Form):
    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ANALYST)
    teams = forms.ModelMultipleChoiceField(
        Team.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def about(self) -> About:
        """Return what was said, as the services want it."""
        said = self.cleaned_data
        return About(said["first_name"], said["last_name"], said["role"], tuple(said["teams"]))


class InvitationForm(PersonForm):
    email = forms.EmailField(label="Email address", max_length=254)
    field_order = ("email", "first_name", "last_name", "role", "teams")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise ValidationError("There is a person with this address. Search for it.")
        return email


class TeamForm(forms.Form):
    name = forms.CharField(max_length=120)

    def __init__(self, *args: Any, team: Team | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._team = team

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Team.objects.exclude(pk=self._team.pk) if self._team else Team.objects.all()
        if others.filter(name__iexact=name).exists():
            raise ValidationError("There is a team of this name. Choose another.")
        return name


class MemberForm(forms.Form):
    person = forms.ModelChoiceField(User.objects.none(), empty_label="Choose a person")

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        person: Any = self.fields["person"]
        person.queryset = User.objects.filter(is_active=True).exclude(teams=team).order_by("email")
        person.label_from_instance = lambda user: f"{user.get_full_name()} {user.email}".strip()


class KeysFilter(forms.Form):
    q = forms.CharField(label="Person, name or prefix", max_length=100, required=False)
    state = forms.ChoiceField(
        choices=[("", "Any state"), ("usable", "Usable"), ("ended", "Run out or inactive")],
        required=False,
    )
