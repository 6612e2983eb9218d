"""Pages on which an admin keeps teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts import teams
from apps.accounts.forms_people import MemberForm, TeamForm
from apps.accounts.models import Team, User
from apps.accounts.policies import UserRequest, allowed
from ml_core.errors import NotAllowedError

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse


@allowed("users.manage")
def index(request: UserRequest) -> HttpResponse:
    """List teams and make one."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = teams.make(name=form.cleaned_data["name"], by=request.user)
        messages.success(request, f"The team {team} is made. Add its members now.")
        return redirect("people:team", team.pk)
    every = Team.objects.annotate(n_members=Count("memberships"))
    return render(request, "accounts/teams.html", {"teams": every, "form": form})


@allowed("users.manage")
def detail(request: UserRequest, team_id: uuid.UUID) -> HttpResponse:
    """Show one team and rename it."""
    team = get_object_or_404(Team, pk=team_id)
    form = TeamForm(request.POST or None, initial={"name": team.name}, team=team)
    if request.method == "POST" and form.is_valid():
        teams.rename(team=team, name=form.cleaned_data["name"], by=request.user)
        messages.success(request, f"The team is called {team.name} now.")
        return redirect("people:team", team_id)
    context = {
        "team": team,
        "form": form,
        "member_form": MemberForm(team=team),
        "memberships": team.memberships.select_related("user").order_by("user__email"),
        "owned": teams.owned_by(team),
    }
    return render(request, "accounts/team.html", context)


@require_POST
@allowed("users.manage")
def add(request: UserRequest, team_id: uuid.UUID) -> HttpResponse:
    team = get_object_or_404(Team, pk=team_id)
    form = MemberForm(request.POST, team=team)
    if form.is_valid():
        teams.add(team=team, person=form.cleaned_data["person"], by=request.user)
    else:
        messages.warning(request, "Choose a person who is active and not in the team yet.")
    return redirect("people:team", team_id)


@require_POST
@allowed("users.manage")
def remove(request: UserRequest, team_id: uuid.UUID, person_id: uuid.UUID) -> HttpResponse:
    team = get_object_or_404(Team, pk=team_id)
    person = get_object_or_404(User, pk=person_id)
    teams.remove(team=team, person=person, by=request.user)
    messages.success(request, f"{person.email} is out of the team. Keys for it stop working.")
    return redirect("people:team", team_id)


@require_POST
@allowed("users.manage")
def delete(request: UserRequest, team_id: uuid.UUID) -> HttpResponse:
    team = get_object_or_404(Team, pk=team_id)
    try:
        teams.delete(team=team, by=request.user)
    except NotAllowedError as error:
        messages.error(request, str(error))
        return redirect("people:team", team_id)
    messages.success(request, f"The team {team.name} is deleted.")
    return redirect("people:teams")
