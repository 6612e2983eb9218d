"""How models are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from apps.registry.models import ModelVersion, Stage

if TYPE_CHECKING:
    from apps.accounts.models import User


class ModelFilter(forms.Form):
    """By solution, stage and team, and by words: the data, who trained it, its number."""

    solution = forms.ChoiceField(required=False)
    stage = forms.ChoiceField(required=False, choices=[("", "Any stage"), *Stage.choices])
    team = forms.ChoiceField(required=False)
    q = forms.CharField(label="Words", max_length=100, required=False)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = ModelVersion.objects.visible_to(user).order_by()
        slugs = seen.values_list("solution", flat=True).distinct().order_by("solution")
        teams = seen.values_list("team_id", "team__name").distinct().order_by("team__name")
        self.fields["solution"].choices = [("", "Any solution"), *((s, s.title()) for s in slugs)]  # type: ignore[attr-defined]
        found = [(str(pk), name) for pk, name in teams]
        self.fields["team"].choices = [("", "Any team"), *found]  # type: ignore[attr-defined]
        self.has_teams = len(found) > 1
